"""Which addresses the service may connect to: public ones, and those the operator listed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")

_METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
_METADATA_ADDRESSES = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, OpenStack
        "169.254.170.2",  # AWS ECS
        "169.254.170.23",  # AWS EKS
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server, in public space
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS
        "fd20:ce::254",  # Google
        "fe80::a9fe:a9fe",  # OpenStack
    )
)
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
# 0.0.0.0/8 and :: are here because Linux connects them to the machine itself.
_LOOPBACK_NETWORKS = tuple(
    ip_network(text) for text in ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128")
)
# Not public, although is_global of Python 3.11 is true: multicast, relays, translations.
_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "224.0.0.0/4",
    )
)
# Global unicast is 2000::/3 and nothing else; these are the special parts within it.
_GLOBAL_UNICAST_V6 = ip_network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ip_network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_V4_COMPATIBLE = ip_network("::/96")


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The operator's list of self-hosted GitLabs on internal addresses.

    ``hosts`` are lower-case names or literal addresses, each with its port (None: any port);
    ``networks`` are the listed CIDRs.
    """

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AllowedHosts":
        """Parse ``host``, ``host:port``, ``[v6]:port`` and CIDR entries.

        Raises ValueError with a sentence that names the bad entry.
        """
        hosts: set[tuple[str, int | None]] = set()
        networks: list[Network] = []
        for entry in entries:
            if "://" in entry:
                raise ValueError(f"{entry!r} has a scheme; give the host alone, or host:port.")
            if "/" in entry:
                networks.append(_parse_network(entry))
            else:
                hosts.add(_parse_host(entry))
        return cls(frozenset(hosts), tuple(networks))

    def lists(self, host: str, port: int) -> bool:
        """Whether the operator listed this host: with the port, without one, or by a CIDR that
        contains it. ``host`` is lower-case, IPv6 without brackets.
        """
        if (host, port) in self.hosts or (host, None) in self.hosts:
            return True
        address = literal_address(host)
        return address is not None and self._covers(address)

    @staticmethod
    def never_permits(host: str) -> bool:
        """Whether the host is a cloud's metadata service, which no setting can allow."""
        address = literal_address(host)
        return host in _METADATA_NAMES if address is None else _is_metadata(address)

    @staticmethod
    def permits_by_port_only(host: str) -> bool:
        """Whether the host is this machine, which must be listed with its exact port."""
        address = literal_address(host)
        return _is_loopback_name(host) if address is None else _is_loopback(address)

    def permits_name(self, host: str, port: int) -> bool:
        """Whether the name may be resolved: not that of a metadata service, and a loopback name
        only if its exact host and port are listed.
        """
        if host in _METADATA_NAMES:
            return False
        if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
            return (host, port) in self.hosts
        return True

    def permits(self, scheme: str, host: str, port: int, address: Address) -> bool:
        """Whether a connection for ``scheme://host:port`` may go to ``address``, to which the
        name resolved, or which is the host itself.

        Public addresses by https; internal ones if host, host:port or a CIDR with the address
        is listed; loopback only if exactly host:port is listed; metadata services never. Plain
        http only to listed hosts, and to a public address only if a listed CIDR or literal
        covers it: otherwise the token would cross the internet unencrypted.
        """
        if not self.permits_name(host, port) or _is_metadata(address):
            return False
        if scheme != "https" and not self.lists(host, port):
            return False
        if _is_loopback(address):
            return (host, port) in self.hosts
        if is_public(address):
            return scheme == "https" or self._covers(address) or host == str(address)
        return self.lists(host, port) or self._covers(address)

    def _covers(self, address: Address) -> bool:
        mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
        candidates = (address, *_embedded(address)) if mapped else (address,)
        return any(candidate in network for network in self.networks for candidate in candidates)


def literal_address(host: str) -> Address | None:
    """The IP address in ``host``, without its zone; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether the address is an ordinary one of the public internet.

    Stricter than ``is_global``: no multicast, no reserved block, and no IPv6 form that contains
    an IPv4 address.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC)
    return (
        address.is_global
        and address in _GLOBAL_UNICAST_V6
        and not any(address in network for network in _NOT_PUBLIC_V6)
    )


def _is_metadata(address: Address) -> bool:
    return any(one in _METADATA_ADDRESSES for one in (_unscoped(address), *_embedded(address)))


def _is_loopback(address: Address) -> bool:
    candidates = (_unscoped(address), *_embedded(address))
    return any(one in network for network in _LOOPBACK_NETWORKS for one in candidates)


def _unscoped(address: Address) -> Address:
    return IPv6Address(int(address)) if isinstance(address, IPv6Address) else address


def _embedded(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses within an IPv6 form: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _V4_COMPATIBLE or any(address in network for network in _NAT64):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(one for one in found if one is not None)


def _parse_network(entry: str) -> Network:
    try:
        network = ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f"{entry!r} is not a CIDR network: {error}. Write for example 10.0.0.0/8."
        ) from None
    if any(network.version == own.version and network.subnet_of(own) for own in _LOOPBACK_NETWORKS):  # type: ignore[arg-type]
        raise ValueError(
            f"{entry!r} is loopback, which is allowed only as an exact host and port, "
            "for example 127.0.0.1:8080."
        )
    if network.num_addresses == 1:
        _refuse_metadata(entry, network.network_address)
    return network


def _parse_host(entry: str) -> tuple[str, int | None]:
    host, port_text = _split_port(entry.strip().lower())
    address = literal_address(host) if "%" not in host else None
    if address is None and not _is_host_name(host):
        raise ValueError(
            f"{entry!r} is not a host, host:port, [IPv6]:port or CIDR network, "
            "for example gitlab.lan, gitlab.lan:8443 or 10.0.0.0/8."
        )
    port = None
    if port_text is not None:
        if _PORT.fullmatch(port_text) is None or int(port_text) > 65535:
            raise ValueError(f"{entry!r} has no port between 1 and 65535 after the colon.")
        port = int(port_text)
    _refuse_metadata(entry, address if address is not None else host)
    loopback = _is_loopback(address) if address is not None else _is_loopback_name(host)
    if loopback and port is None:
        raise ValueError(
            f"{entry!r} is loopback, which is allowed only with its exact port, "
            "for example localhost:8080."
        )
    return (str(address) if address is not None else host.rstrip("."), port)


def _split_port(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if bracket and (not rest or rest.startswith(":")):
            return host, rest[1:] if rest else None
        return text, None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _is_host_name(host: str) -> bool:
    name = host.removesuffix(".")
    last_label = name.rpartition(".")[2]
    numeric = last_label.isdigit() or last_label.startswith("0x")
    return len(name) <= 253 and not numeric and _HOST_NAME.fullmatch(name) is not None


def _is_loopback_name(host: str) -> bool:
    return host.rstrip(".") in _LOOPBACK_NAMES or host.rstrip(".").endswith(".localhost")


def _refuse_metadata(entry: str, target: Address | str) -> None:
    named = target.rstrip(".") in _METADATA_NAMES if isinstance(target, str) else False
    if named or (not isinstance(target, str) and _is_metadata(target)):
        raise ValueError(f"{entry!r} is a cloud metadata service, which is never allowed.")
