#!/bin/sh
# The first program of the guest: loads the modules, puts a writable layer over
# the read-only image and goes on there. What the guest writes lies in its
# memory, so it is part of a snapshot, and forks cannot disturb each other.
# With another lull.root the disk itself is the root filesystem.
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do
  # ptp_kvm loads only under KVM.
  insmod "/modules/$module.ko" || [ "$module" = ptp_kvm ] || echo "insmod $module failed"
done 2>/dev/null </modules/order
until [ -b /dev/vda ]; do sleep 0.05; done
mkdir /lower /upper /new
case $(cat /proc/cmdline) in
  *lull.root=disk* | *lull.root=overlay*) mount -t ext4 /dev/vda /new ;;
  *lull.root=readonly*) mount -t ext4 -o ro /dev/vda /new ;;
  *)
    mount -t ext4 -o ro /dev/vda /lower
    mount -t tmpfs upper /upper
    mkdir /upper/data /upper/work
    mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work root /new
    ;;
esac
mount --move /dev /new/dev
umount /proc
exec switch_root /new /sbin/init
