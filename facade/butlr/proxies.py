"""Find the proxy for a host by the environment, with the exceptions of NO_PROXY."""

import ipaddress
import urllib.request
from urllib.parse import urlsplit


def proxy_for(url: str) -> str | None:
    """Return the proxy's URL, or None. Raises ValueError for a proxy that is not http:// or https://."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    if bypasses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), proxies.get("no", "")):
        return None
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address:
        return None
    if "://" not in address:
        address = f"http://{address}"
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"the proxy for {parts.hostname} must be an http:// or https:// address")
    return address


def bypasses(host: str, port: int, exceptions: str) -> bool:
    """Return whether a comma-separated list names a host: by `*`, a domain or its parents, an address, a CIDR network.

    Each may have a port. The standard library supports neither networks nor IPv6 addresses.
    """
    return any(_names(one.strip().lower(), host.lower(), port) for one in exceptions.split(",") if one.strip())


def _names(exception: str, host: str, port: int) -> bool:
    if exception == "*":
        return True
    address = _address(host)
    try:
        network = ipaddress.ip_network(exception.strip("[]"), strict=False)
    except ValueError:
        network = None
    if network is not None:
        return address is not None and address in network
    name, colon, its_port = exception.rpartition(":")
    if colon and its_port.isdigit():
        if int(its_port) != port:
            return False
        exception = name
    if address is not None:
        return _address(exception.strip("[]")) == address
    domain = exception.removeprefix("*").lstrip(".")
    return domain != "" and (host == domain or host.endswith(f".{domain}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
