#!/bin/sh
# A look at git-verbatim without network: small upstreams in a temporary directory, one host that mirrors them.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME="$scratch" XDG_CACHE_HOME="$scratch/cache" GIT_CONFIG_NOSYSTEM=1
git config --global user.name Demo
git config --global user.email demo@example.org
git config --global init.defaultBranch main

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
run() { printf '$ %s\n' "$*"; "$@" 2>&1; }
fails_with() { # STATUS COMMAND…: the command has to fail in just this way
    expected=$1; shift
    printf '$ %s\n' "$*"
    status=0; "$@" 2>&1 || status=$?
    [ "$status" = "$expected" ] || { echo "demo: exit status $status, expected $expected" >&2; exit 1; }
}

upstream() { # NAME TAG CONTENT: a release of a small upstream
    mkdir -p "$scratch/$1/wit"
    cd "$scratch/$1"
    [ -d .git ] || git init --quiet
    printf 'package example:%s;\n\n%s\n' "$1" "$3" > wit/world.wit
    printf 'Example licence\n' > LICENSE
    git add . && git commit --quiet --message "$2" && git tag --force "$2" >/dev/null 2>&1
}

say 'Two upstreams, each with a tagged release'
upstream clocks v1.0.0 'world imports {}'
upstream random v1.0.0 'world imports {}'
printf 'clocks v1.0.0, random v1.0.0\n'

say 'A host repository mirrors them: one checked in, of the other only the record'
mkdir "$scratch/host" && cd "$scratch/host" && git init --quiet
run git verbatim init
run git verbatim add clocks "$scratch/clocks" --local --tag v1.0.0 --from wit --into example/clocks
run git verbatim add random "$scratch/random" --local --tag v1.0.0 --from wit --into example/random --not-checked-in
git add . && git commit --quiet --message 'mirror the examples'

say "The copy has upstream's own tree id"
run git rev-parse HEAD:third_party/example/clocks
run git -C "$scratch/clocks" rev-parse v1.0.0:wit
run git verbatim verify

say 'Somebody edits a copy'
echo '// a quick fix' >> third_party/example/clocks/world.wit
fails_with 1 git verbatim verify
fails_with 2 git verbatim sync
run git verbatim sync --discard-local
run git verbatim status

say 'Somebody commits such an edit: the hook that init installed refuses, and CI finds what got past it'
echo '// a quick fix' >> third_party/example/clocks/world.wit
fails_with 1 git commit --all --message 'a quick fix'
run git commit --quiet --all --no-verify --message 'a quick fix'
fails_with 1 git verbatim check --range HEAD~1..
run git reset --quiet --hard HEAD~1

say 'Upstream moves a tag: found when asked, and never taken'
upstream random v1.0.0 'world imports { import backdoor; }'
cd "$scratch/host"
fails_with 1 git verbatim verify --upstream
run rm -rf "$XDG_CACHE_HOME" third_party/example/random
fails_with 2 git verbatim sync

say 'A new release'
upstream random v1.1.0 'world imports { import insecure; }'
cd "$scratch/host"
run sed -i.bak '/random/,$s/v1.0.0/v1.1.0/' third_party/mirrors.toml
rm third_party/mirrors.toml.bak
run git verbatim sync --commit
run git log -1 --format=%B
run git verbatim status
