#compdef flowkit
# zsh completion for flowkit; made by `flowkit completion zsh`

_flowkit() {
    local line
    local -a values shown
    while IFS= read -r line; do
        values+=("${line%%$'\t'*}")
        shown+=("${${line#*$'\t'}[1,COLUMNS-1]}")
    done < <(_FLOWKIT_COMPLETE=zsh "${(Q)words[1]}" "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if (( $#values )); then
        compadd -l -V flowkit -d shown -- $values
    else
        _files
    fi
}

if [ "$funcstack[1]" = "_flowkit" ]; then
    _flowkit "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _flowkit flowkit
fi
