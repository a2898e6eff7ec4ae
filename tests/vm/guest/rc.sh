#!/bin/sh
# Brings the guest up to the point where programs can run: filesystems, network.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
[ -b /dev/vdb ] && mount -t ext4 /dev/vdb /data
hostname guest
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip address add 169.254.0.21/32 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
