/** Where the stand-in for systemd keeps what systemd has in its memory. */
export const SYSTEMD_STATE_DIR = "/run/persist-kill/systemd";

/**
 * A stand-in for systemctl, where no systemd runs: with links and unit files it does what the real
 * one does (systemctl(1), as of 219), and it remembers which text of a unit was loaded and which
 * units are active. Options it knows none.
 */
export const FAKE_SYSTEMCTL = `#!/bin/sh
set -u
memory=${SYSTEMD_STATE_DIR}
units=/etc/systemd/system
mkdir -p "$memory/loaded" "$memory/active"

load() { # Reads the units again that were loaded, and those that a target wants.
  for name in $(cd "$memory/loaded" && ls -A) $(cd "$units/multi-user.target.wants" && ls -A); do
    case $name in *.service) ;; *) continue ;; esac
    if [ -f "$units/$name" ]; then cp "$units/$name" "$memory/loaded/$name"
    else rm -f "$memory/loaded/$name"; fi
  done
}

known() { # A unit that is asked for is loaded, if it is not yet.
  [ -f "$memory/loaded/$1" ] && return
  [ -f "$units/$1" ] && cp "$units/$1" "$memory/loaded/$1"
}

targets() { sed -n 's/^WantedBy=//p' "$units/$1"; }

verb=$1 name=\${2:-}
case $verb in
daemon-reload) load ;;
is-enabled)
  if [ ! -e "$units/$name" ]; then
    echo "Failed to get unit file state for $name: No such file or directory" >&2
    exit 1
  fi
  for target in $(targets "$name"); do
    if [ -L "$units/$target.wants/$name" ]; then echo enabled; exit 0; fi
  done
  echo disabled
  exit 1
  ;;
is-active)
  if [ -e "$memory/active/$name" ]; then echo active; else echo inactive; exit 3; fi
  ;;
show) # Only as: show UNIT, with two of its properties.
  active=inactive reload=no
  [ ! -e "$memory/active/$name" ] || active=active
  if [ -e "$memory/loaded/$name" ] && ! cmp -s "$memory/loaded/$name" "$units/$name"; then
    reload=yes
  fi
  printf '%s\\n' "ActiveState=$active" "NeedDaemonReload=$reload"
  ;;
enable)
  if [ ! -e "$units/$name" ]; then
    echo "Failed to enable unit: Unit file $name does not exist." >&2
    exit 1
  fi
  for target in $(targets "$name"); do
    [ -L "$units/$target.wants/$name" ] && continue
    mkdir -p "$units/$target.wants"
    ln -s "$units/$name" "$units/$target.wants/$name" || exit 1
    echo "Created symlink $units/$target.wants/$name -> $units/$name." >&2
  done
  load
  ;;
disable)
  for link in "$units"/*.wants/"$name"; do
    [ ! -L "$link" ] || rm "$link"
  done
  load
  ;;
start | restart)
  if ! known "$name"; then
    echo "Failed to $verb $name: Unit $name not found." >&2
    exit 5
  fi
  [ "$verb" = start ] && [ -e "$memory/active/$name" ] && exit 0
  rm -f "$memory/active/$name"
  command=$(sed -n 's/^ExecStart=//p' "$memory/loaded/$name")
  if ! $command > /dev/null 2>&1; then
    echo "Job for $name failed because the control process exited with error code." >&2
    exit 1
  fi
  : > "$memory/active/$name"
  ;;
stop)
  if ! known "$name"; then
    echo "Failed to stop $name: Unit $name not loaded." >&2
    exit 5
  fi
  rm -f "$memory/active/$name"
  ;;
*)
  echo "Unknown operation $verb." >&2
  exit 1
  ;;
esac
`;

/**
 * What systemd has in its memory of the unit: whether it is active, and whether the text that was
 * loaded is that of the file (\`NeedDaemonReload\` of the real one).
 */
export const DESCRIBE_UNIT_SCRIPT = `
memory=${SYSTEMD_STATE_DIR} name=offload.service
[ -e "$memory/active/$name" ] && echo active || echo inactive
[ -e "$memory/loaded/$name" ] || [ -e "/etc/systemd/system/$name" ] || exit 0
cmp -s "$memory/loaded/$name" "/etc/systemd/system/$name" || echo "and needs daemon-reload"
`;
