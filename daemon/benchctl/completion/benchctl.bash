#!/bin/bash
# Completion of benchctl for bash; to be sourced, or kept where bash-completion looks. The program itself knows what fits.

_benchctl() {
	local program=${COMP_WORDS[0]} words=() rest line word part i
	[[ $program != \~/* ]] || program=$HOME/${program#\~/}
	# readline splits at = and : as well: what no blank separates is one word
	rest=${COMP_LINE#*"${COMP_WORDS[0]}"}
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ ${#words[@]} = 0 || $rest == [[:space:]]* ]]; then words+=("$word"); else words[-1]+=$word; fi
		rest=${rest#"${rest%%[![:space:]]*}"}
		rest=${rest#"$word"}
	done
	words=("${words[@]//[\"\'\\]/}") # as typed, an open quote too; no word of ours has any in it
	# and it puts the answer in the place of the last piece alone
	part=${COMP_WORDS[COMP_CWORD]//[\"\'\\]/}
	[[ $part != *[!=:]* ]] && part=''
	word=${words[-1]}
	local before=${word%"$part"}
	COMPREPLY=()
	while IFS= read -r line; do
		word=${line%%$'\t'*}
		if [[ -z $word ]]; then # names of files
			compopt -o default
			return
		fi
		[[ $word != *= ]] || compopt -o nospace
		COMPREPLY+=("${word#"$before"}")
	done < <("$program" completion words -- "${words[@]}" 2>/dev/null)
}
complete -o nosort -F _benchctl benchctl
