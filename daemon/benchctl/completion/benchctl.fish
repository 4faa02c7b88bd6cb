# Completion of benchctl for fish; to be sourced, or kept as benchctl.fish in a folder of $fish_complete_path. The program
# itself knows what fits.

function __benchctl_words
    set -l given (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $given[1])
    set -l offers (command $program completion words -- $given[2..-1] "$current" 2>/dev/null)
    if string match -q -r '^\t' -- $offers[1] # names of files
        set -l option (string match -r '^--[^=]*=' -- $current)
        for path in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current"))
            printf '%s\n' "$option$path"
        end
        return
    end
    printf '%s\n' $offers
end
complete -c benchctl -k -f -a '(__benchctl_words)'
