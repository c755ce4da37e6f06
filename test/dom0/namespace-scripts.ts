/** Where the harness's own directory of a dom0 appears inside it. */
export const SHARED = "/run/dom0";

/** Directories that a dom0 may write to without the machine under it changing; /tmp is last on purpose. */
export const COPIED = ["/etc", "/var", "/opt", "/root", "/usr/local", "/tmp"];

/**
 * A /dev of its own, with the nodes that programs of a dom0 open: what is removed there or put in a node's place is gone
 * with the dom0. Nobody reads what is written to its console.
 */
const MOUNT_DEV = `
mount -t tmpfs -o mode=755,nosuid tmpfs /dev
mkdir /dev/net /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
while read -r node numbers; do
  mknod -m 666 "/dev/$node" c $numbers
done <<< 'null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
console 1 3
net/tun 10 200'
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
`;

/**
 * Runs outside, with the directory, the host's name and COPIED as arguments. It outlives a harness that
 * is killed just long enough to remove the directory: the end of standard input ends the first process
 * of the namespaces, and with it everything in them.
 */
export const OUTER = `
unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc --propagation private -- \\
  bash --norc "$1/init" "$@" <&0 &
echo "outer $!"
wait $!
status=$?
rm -rf --one-file-system -- "$1"
exit $status
`;

/**
 * The file `init` of the directory: process 1 of the new namespaces, in bash because that reaps orphans.
 * Everything it mounts is private to it. The network namespace of the peers belongs to a process of its
 * own, so that this one shows only what a dom0 has. /tmp is covered last: the directory is under it.
 */
export const HOLDER = `
set -eo pipefail
directory=$1 name=$2
shift 2
hostname "$name"
mount -t sysfs sysfs /sys
${MOUNT_DEV}
mount -t tmpfs -o mode=755 tmpfs "$directory/scratch"
mount -t tmpfs -o mode=755 tmpfs "$directory/run"
mkdir "$directory/run/dom0" "$directory/run/lock"
mount --rbind "$directory" "$directory/run/dom0"
mount --rbind "$directory/run" /run
for path in "$@"; do
  [ -d "$path" ] && [ ! -L "$path" ] || continue
  copy=${SHARED}/scratch$path
  mkdir -p "$copy/upper" "$copy/work"
  chmod --reference="$path" "$copy/upper"
  mount -t overlay overlay -o "lowerdir=$path,upperdir=$copy/upper,workdir=$copy/work" "$path"
done
rm -f /etc/xensource-inventory
cp -a ${SHARED}/root/. /
for family in all default; do
  echo 1 > /proc/sys/net/ipv6/conf/$family/disable_ipv6 || true
done 2> /dev/null
echo mounted
exec 3< <(exec unshare --net sh -c 'echo $$; exec sleep infinity > /dev/null')
read -r hidden <&3
sed "s/HIDDEN/$hidden/" ${SHARED}/create | ip -batch -
[ ! -e /sys/class/net/lo ] || ip link set lo up
nsenter --target "$hidden" --net ip -batch ${SHARED}/peers
echo "ready $hidden"
while read -r _; do :; done
`;
