#!/bin/sh
# Runs a program in a copy of this machine's root, in namespaces of its own: what it installs,
# removes and puts in force is gone when it ends. Needs root, and overlayfs.
#
#	root-copy.sh FOLDER PROGRAM [ARGUMENT ...]
#
# FOLDER is an empty one, but for FOLDER/in, which is /mnt in the copy. With CGROUP, a control group
# that the program is to be in, it may be systemd.

set -eu

folder=$1
shift
if [ "${IN_NAMESPACES:-}" != "$$" ]; then
	[ -z "${CGROUP:-}" ] || echo $$ >"$CGROUP/cgroup.procs"
	exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child --propagation private \
		sh -c 'export IN_NAMESPACES=$$; . "$0"' "$0" "$folder" "$@"
fi

mkdir "$folder/upper" "$folder/root"
mount -t tmpfs tmpfs "$folder/upper"
mkdir "$folder/upper/files" "$folder/upper/work"
mount -t overlay overlay "$folder/root" \
	-o "lowerdir=/,upperdir=$folder/upper/files,workdir=$folder/upper/work"
cd "$folder/root"
mount --bind "$folder/in" mnt
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp dev; do
	mount -t tmpfs tmpfs $place
done
for device in null zero full random urandom tty; do
	: >dev/$device
	mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C chroot . "$@"
