#!/bin/sh
# inside.sh BASE NODE NPM CACHE PACKAGE: installs the package on a fresh copy of the Debian in BASE, with the Node and the npm
# in these directories and nothing but the npm cache in CACHE, and uses it there as root and as a user.
# Runs in mount and process namespaces of its own: when it ends, mounts and daemons are gone.
set -eu
base=$1 node=$2 npm=$3 cache=$4 package=$5
here=$(cd "$(dirname "$0")" && pwd)

fresh=$(mktemp -d "$base.fresh-XXXXXX")
mkdir "$fresh/upper" "$fresh/work" "$fresh/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$fresh/upper,workdir=$fresh/work" "$fresh/root"
root=$fresh/root

for device in fuse null urandom random; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
# For everybody, as udev makes it, whatever it is outside.
[ "$(stat -c %a /dev/fuse)" = 666 ] || { mknod -m 666 "$fresh/fuse" c 10 229; mount --bind "$fresh/fuse" "$root/dev/fuse"; }
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/opt/node" "$root/opt/npm" "$root/opt/cache"
mount --bind "$node" "$root/opt/node"
mount --bind "$npm" "$root/opt/npm"
mount --bind "$cache" "$root/opt/cache"
# As on every Debian that was started once, in containers too; fusermount3 reads it.
ln -s /proc/self/mounts "$root/etc/mtab"
cp "$package" "$root/opt/dfs.tgz"
cp "$here/use.sh" "$root/opt/use.sh"

PATH=/usr/local/sbin:/usr/local/bin:/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
chroot "$root" useradd -m someone
chroot "$root" node /opt/npm/bin/npm-cli.js install -g --prefix /usr/local --ignore-scripts --offline --cache /opt/cache /opt/dfs.tgz
test -e "$root/usr/local/share/man/man1/dfs.1"

for driver in kernel fuse-native; do
  for user in root someone; do
    echo "== $user, $driver"
    chroot "$root" su "$user" -c "HOME=~$user; export HOME PATH='$PATH'; sh -eu /opt/use.sh $driver"
  done
done
