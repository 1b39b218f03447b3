LC_ALL=C
export LC_ALL
unset CDPATH GLOBIGNORE
set -u +f
nl='
'
cr=$(printf '\r')
blanks=" 	$nl"
IFS=$blanks
phase=names removed_is_fine=no
findings=0 mirrors=0 places=0 removed=0 removed_places=0 regular=0 symlinks=0 listed=0
# <forms>
forms=0 gone_forms=0 gone_places=0
# </forms>

usage() {
    printf '%s\n' "usage: $0 [--allow-removed] [DIR]" \
        'Verifies the mirrors below DIR against the report that this script is; by default DIR is where you are.' \
        '  --allow-removed  a mirror, or a place of it, that is gone as a whole is no finding' \
        'exit status: 0 verified, 1 findings, 2 trouble'
}

trouble() {
    printf 'trouble: %s\n' "$1" >&2
    exit 2
}

bytes() {
    printf %b "$1"
}

some() {
    if [ "$1" -eq 1 ]; then printf '1 %s' "$2"; else printf '%s %ss' "$1" "$2"; fi
}

exists() {
    [ -e "$1" ] || [ -L "$1" ]
}

# sets `shown` to a name as git quotes it, so that it cannot act on a terminal
show() {
    shown=$1
    case $1 in
    *[!\ -~]* | *[\"\\]*) ;;
    *) return ;;
    esac
    spelt=
    for octal in $(printf %s "$1" | od -A n -t o1 -v); do
        case $octal in
        0[0-3]? | 177 | [23]?? | 042 | 134) spelt=$spelt\\\\$octal ;;
        *) spelt=$spelt\\0$octal ;;
        esac
    done
    shown=\"$(bytes "$spelt")\"
}

finding() {
    findings=$((findings + 1))
    show "$1"
    printf '%s: %s\n' "$shown" "$2"
}

cannot_read() {
    show "$1"
    trouble "cannot read $shown"
}

can_list() {
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then cannot_read "$1"; fi
}

# every file at or below a path that no list has; empty directories are no files
added() {
    if [ -L "$1" ] || [ ! -d "$1" ]; then
        if exists "$1"; then finding "$1" 'added'; fi
        return
    fi
    can_list "$1"
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do added "$entry"; done
}

# a file's permissions as git sees them, where [ -x ] sees those of whoever runs this
owner_may_execute() {
    case $(ls -ld "$1") in
    ???[xs]*) ;;
    *) return 1 ;;
    esac
}

# --- what the lists below call

# DIRECTORY... on the way to mirrors
above() {
    [ "$phase" = names ] || return 0
    for on_the_way; do
        [ ! -L "$on_the_way" ] || finding "$on_the_way" 'is a symlink'
    done
}

# LICENCES, then LIST DIRECTORY of each place: the lists of what lies in a mirror, and where
mirror() {
    licences=$1 here=0 gone=0
    shift
    while [ $# -gt 0 ]; do
        if exists "$2"; then
            here=$((here + 1))
            "$1"
        elif [ "$phase" != names ]; then
            :
        elif [ "$removed_is_fine" = yes ]; then
            gone=$((gone + 1))
        else
            finding "$2" 'missing altogether'
        fi
        shift 2
    done
    if [ "$here" -gt 0 ]; then
        mirrors=$((mirrors + 1)) places=$((places + here)) removed_places=$((removed_places + gone))
        "$licences"
    elif [ "$gone" -gt 0 ]; then
        removed=$((removed + 1))
    fi
}

no_licences() {
    :
}
# <forms>

# LIST PLACE of each place of a derived form, which is a directory or a file
form() {
    of_mirrors="$mirrors $places $removed $removed_places"
    mirrors=0 places=0 removed=0 removed_places=0
    mirror no_licences "$@"
    forms=$((forms + mirrors)) gone_forms=$((gone_forms + removed)) gone_places=$((gone_places + removed_places))
    # shellcheck disable=SC2086 # four numbers
    set -- $of_mirrors
    mirrors=$1 places=$2 removed=$3 removed_places=$4
}
# </forms>

# DIRECTORY NAME...: nothing else lies there
directory() {
    [ "$phase" = names ] || return 0
    at=$1
    shift
    if [ -L "$at" ] || [ ! -d "$at" ]; then
        if exists "$at"; then finding "$at" 'is no directory'; fi
        return
    fi
    can_list "$at"
    IFS=/
    names="/$*/"
    IFS=$blanks
    for found in "$at"/* "$at"/.[!.]* "$at"/..?*; do
        name=${found##*/}
        # the names are in the order in which they are found
        if [ "$name" = "${1-}" ]; then
            shift
            continue
        fi
        case $names in
        *"/$name/"*) ;;
        *) added "$found" ;;
        esac
    done
}

# SHA-256 PATH of a regular file; in the second phase what sha256sum reads
file() {
    if [ -L "$2" ] || [ ! -f "$2" ]; then
        [ "$phase" = names ] || return 1
        if exists "$2"; then finding "$2" 'is a file of another kind'; else finding "$2" 'missing'; fi
        return 1
    fi
    case $2 in
    *\\* | *"$nl"* | *"$cr"*) # sha256sum's programs differ in how they write these
        [ "$phase" = names ] || return 0
        sum=$(sha256sum <"$2") || cannot_read "$2"
        [ "${sum%% *}" = "$1" ] || finding "$2" 'content differs'
        ;;
    *)
        if [ "$phase" = sums ]; then
            printf '%s  %s\n' "$1" "$2"
            return
        fi
        [ -r "$2" ] || cannot_read "$2"
        listed=$((listed + 1))
        ;;
    esac
    regular=$((regular + 1))
}

# the same, of one that is not executable
plain() {
    file "$1" "$2" || return 0
    if [ "$phase" = names ] && [ -x "$2" ] && owner_may_execute "$2"; then finding "$2" 'mode differs: is executable'; fi
}

# the same, of one that is
executable() {
    file "$1" "$2" || return 0
    if [ "$phase" = names ] && [ ! -x "$2" ] && ! owner_may_execute "$2"; then finding "$2" 'mode differs: is not executable'; fi
}

# TARGET PATH
symlink() {
    [ "$phase" = names ] || return 0
    if [ ! -L "$2" ]; then
        if exists "$2"; then finding "$2" 'is a file of another kind'; else finding "$2" 'missing'; fi
        return
    fi
    symlinks=$((symlinks + 1))
    # the dot keeps newlines at the end of a target
    [ "$(readlink "$2" && printf .)" = "$1$nl." ] || finding "$2" 'target differs'
}

# --- the two phases

contents() {
    sums=$(phase=sums && all | sha256sum -c 2>/dev/null)
    set -f
    IFS=$nl
    # shellcheck disable=SC2086 # into lines
    set -- $sums
    IFS=$blanks
    set +f
    [ $# -eq "$listed" ] || trouble "sha256sum answered for $# of $listed files"
    for answer; do
        case $answer in
        *': OK') ;;
        *': FAILED') finding "${answer%: FAILED}" 'content differs' ;;
        *) trouble 'sha256sum could not read a file' ;;
        esac
    done
}

main() {
    case ${1-} in
    -h | --help) usage && exit ;;
    --allow-removed) removed_is_fine=yes && shift ;;
    -*) usage >&2 && exit 2 ;;
    esac
    [ $# -le 1 ] || { usage >&2 && exit 2; }
    case ${1-.} in
    /*) cd "$1" || exit 2 ;;
    *) cd "./${1-.}" || exit 2 ;;
    esac
    [ -d third_party ] || trouble 'there is no third_party here; name the directory that holds it'
    for tool in sha256sum readlink ls od; do
        command -v "$tool" >/dev/null || trouble "$tool is missing"
    done
    all
    contents
    what="$(some "$mirrors" mirror)"
    [ "$places" -eq "$mirrors" ] || what="$what at $(some "$places" place)"
    [ "$removed" -eq 0 ] || what="$what, $removed removed"
    [ "$removed_places" -eq 0 ] || what="$what, $(some "$removed_places" place) removed"
# <forms>
    what="$what and $(some "$forms" 'derived form')"
    [ "$gone_forms" -eq 0 ] || what="$what, $gone_forms removed"
    [ "$gone_places" -eq 0 ] || what="$what, $(some "$gone_places" place) removed"
# </forms>
    if [ "$findings" -gt 0 ]; then
        printf '%s\n' "$(some "$findings" finding) in $what"
        exit 1
    fi
    printf '%s\n' "verified: $what: $(some "$regular" file) and $(some "$symlinks" symlink) are as reported, nothing was added to them"
}
