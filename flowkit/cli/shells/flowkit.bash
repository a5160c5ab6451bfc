# bash completion for flowkit; made by `flowkit completion bash`

_flowkit() {
    local line
    COMPREPLY=()
    compopt -o nosort 2>/dev/null # before bash 4.4 there is no such thing
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_FLOWKIT_COMPLETE=bash "$1" "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}

# Where there is nothing to say, files are completed.
complete -o bashdefault -o default -F _flowkit flowkit
