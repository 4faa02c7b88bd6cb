#compdef benchctl
# Completion of benchctl for zsh; to be sourced after compinit, or kept as _benchctl in a folder of $fpath. The program
# itself knows what fits.

_benchctl() {
	local program=${(Q)words[1]} line word
	local -a offers unfinished given
	[[ $program != \~/* ]] || program=$HOME/${program#\~/}
	given=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
	while IFS= read -r line; do
		word=${line%%$'\t'*}
		if [[ -z $word ]]; then # names of files
			compset -P '--*='
			_files
			return
		fi
		line=${${word//\\/\\\\}//:/\\:}:${line#*$'\t'}
		if [[ $word == *= ]]; then unfinished+=("$line"); else offers+=("$line"); fi
	done < <("$program" completion words -- "${(@)given}" 2>/dev/null)
	(( $#offers + $#unfinished )) || return 1
	(( ! $#offers )) || _describe -V benchctl offers
	(( ! $#unfinished )) || _describe -V benchctl unfinished -S ''
}

# compinit loads this file as the function itself; whoever sources it defines the function alone
if [[ $funcstack[1] == _benchctl ]]; then _benchctl "$@"; else compdef _benchctl benchctl; fi
