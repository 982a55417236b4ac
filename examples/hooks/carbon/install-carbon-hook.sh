#!/bin/sh
# install-carbon-hook.sh [--remove | --check] [SCRIPT]: puts the hook into a Carbon start script, takes it out, or says whether
# it is in (status 0 yes, 1 no). SCRIPT is $CARBON_HOME/bin/wso2server.sh unless given; prepatch-hook.sh is put beside it.
# The script is replaced by a rename, never written in place: one that runs reads on in its own text until it ends.
set -eu

fail() {
  echo "install-carbon-hook.sh: $*" >&2
  exit 2
}

mode=install
case ${1:-} in
  --remove | --check) mode=${1#--} && shift ;;
  -*) fail "usage: install-carbon-hook.sh [--remove | --check] [SCRIPT]" ;;
esac
if [ $# -eq 0 ]; then
  [ -n "${CARBON_HOME:-}" ] || fail "name the start script, or set CARBON_HOME"
  set -- "$CARBON_HOME/bin/wso2server.sh"
fi
[ $# -eq 1 ] || fail "one start script at a time"
script=$1
[ ! -h "$script" ] || fail "$script is a link; name the file it leads to"
[ -f "$script" ] || fail "there is no start script $script"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
bin=$(CDPATH='' cd -- "$(dirname -- "$script")" && pwd)
script=$bin/$(basename -- "$script")

new=$script.prepatch-new
trap 'rm -f "$new" "$new.hook"' EXIT
cp -p "$script" "$new"

# Copies the script without the marked lines and, where `insert` is 1, with them after the `do` of the restart loop.
awk -v insert="$([ "$mode" = remove ] || echo 1)" '
  function give_up(why) { print "install-carbon-hook.sh: " FILENAME ": " why > "/dev/stderr"; failed = 1; exit 2 }
  /^# >>> prepatch/ { if (inside) give_up("the mark >>> prepatch stands twice in a row"); inside = 1; next }
  /^# <<< prepatch/ { if (!inside) give_up("the mark <<< prepatch has no beginning"); inside = 0; next }
  inside { next }
  { print }
  /^[ \t]*while[ \t].*START_EXIT_STATUS/ { loops++; waiting = 1 }
  waiting && /(^|[ \t;])do[ \t]*$/ {
    waiting = 0
    if (insert) {
      print "# >>> prepatch: packs are applied before each start; install-carbon-hook.sh --remove takes this out"
      print ". \"$CARBON_HOME/bin/prepatch-hook.sh\" || exit"
      print "# <<< prepatch"
    }
  }
  END {
    if (failed) exit 2
    if (inside) give_up("the mark >>> prepatch has no end")
    if (insert && (loops != 1 || waiting)) give_up("it has no restart loop `while ... START_EXIT_STATUS ... do`, or more than one")
  }
' "$script" > "$new" || exit 2

if [ "$mode" = check ]; then
  if cmp -s "$new" "$script" && cmp -s "$here/prepatch-hook.sh" "$bin/prepatch-hook.sh"; then
    echo "$script has the hook"
    exit 0
  fi
  echo "$script does not have the hook, or another version of it"
  exit 1
fi

sh -n "$new" || fail "$script would no longer be a valid script; it is as it was"
if [ "$mode" = install ] && ! cmp -s "$here/prepatch-hook.sh" "$bin/prepatch-hook.sh"; then
  cp "$here/prepatch-hook.sh" "$new.hook"
  mv "$new.hook" "$bin/prepatch-hook.sh"
fi
if cmp -s "$new" "$script"; then
  echo "$script: nothing to do"
else
  mv "$new" "$script"
  echo "$script: $([ "$mode" = remove ] && echo 'the hook is taken out' || echo 'the hook is in')"
fi
[ "$mode" = install ] || rm -f "$bin/prepatch-hook.sh"
