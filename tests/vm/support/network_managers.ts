/**
 * A second network inside the Debian guest: a cable, lan0, to a namespace with a DHCP server, whose
 * leases are short; and the programs that may manage it.
 * @module
 */

/** Seconds of a lease. */
export const LEASE_SECONDS = 8;

/** The MAC address of the machine from which the forks are made. */
export const SOURCE_MAC = "02:00:00:00:01:01";

/** Makes the cable, the namespace `srv` and its DHCP server. */
export const LAN = `set -e
# Work that is not of this test, and that a processor in software is slow at.
systemctl stop worker redis-server postgresql 'postgresql@*'
busybox insmod /srv/veth.ko
ip netns add srv
ip link add lan0 address ${SOURCE_MAC} type veth peer name srv0 netns srv
ip -n srv link set lo up
ip -n srv addr add 10.7.0.1/24 dev srv0
ip -n srv addr add fd07::1/64 dev srv0 nodad
ip -n srv link set srv0 up
mkdir -p /run/test
cat >/run/test/udhcpd.conf <<END
interface srv0
start 10.7.0.100
end 10.7.0.120
min_lease 5
lease_file /run/test/leases
pidfile /run/test/udhcpd.pid
option subnet 255.255.255.0
option router 10.7.0.1
option dns 10.7.0.53
option lease ${LEASE_SECONDS}
END
touch /run/test/leases
ip netns exec srv busybox udhcpd -S /run/test/udhcpd.conf </dev/null >/dev/null 2>&1`;

/** A program that manages lan0. */
export interface Manager {
  /** As Lull's report names it. */
  readonly name: string;
  readonly start: string;
  /** Restarts the daemons, as an upgrade of their packages does. */
  readonly restart: string;
  /** Whether systemd-resolved makes resolv.conf. */
  readonly resolved: boolean;
}

/** The programs. */
export const MANAGERS: readonly Manager[] = [
  {
    name: "systemd-networkd",
    start: `systemctl start systemd-resolved
mkdir -p /run/systemd/network
cat >/run/systemd/network/20-lan.network <<END
[Match]
Name=lan*
[Network]
DHCP=ipv4
IPv6AcceptRA=no
END
networkctl reload`,
    restart: "systemctl restart systemd-networkd systemd-resolved",
    resolved: true,
  },
  {
    name: "NetworkManager",
    start: `cat >/etc/NetworkManager/conf.d/test.conf <<END
[main]
no-auto-default=*
plugins=keyfile
[keyfile]
unmanaged-devices=interface-name:eth0
[device-lan]
match-device=interface-name:lan0
managed=1
END
cat >/etc/NetworkManager/system-connections/lan.nmconnection <<END
[connection]
id=lan
uuid=11111111-2222-3333-4444-555555555555
type=ethernet
interface-name=lan0
[ipv4]
method=auto
[ipv6]
method=link-local
END
chmod 600 /etc/NetworkManager/system-connections/lan.nmconnection
systemctl start systemd-resolved NetworkManager`,
    restart: "systemctl restart NetworkManager systemd-resolved",
    resolved: true,
  },
  {
    name: "dhclient",
    // The file of an image without resolved.
    start: `# Nothing may start it again.
systemctl mask --quiet --runtime --now systemd-resolved
rm /etc/resolv.conf; echo nameserver 10.0.2.3 >/etc/resolv.conf
dhclient lan0`,
    restart: "systemctl restart systemd-networkd",
    resolved: false,
  },
];
