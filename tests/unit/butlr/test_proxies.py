import pytest

from facade.butlr.proxies import bypasses, proxy_for


@pytest.mark.parametrize(
    ("host", "exceptions", "bypassed"),
    [
        ("api.butlr.io", "*", True),
        ("api.butlr.io", "butlr.io", True),
        ("api.butlr.io", ".butlr.io, other", True),
        ("api.butlr.io", "*.butlr.io", True),
        ("api.butlr.io", "notbutlr.io,utlr.io", False),
        ("api.butlr.io", "API.BUTLR.IO:443", True),
        ("api.butlr.io", "api.butlr.io:8443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "192.168.0.0/16,10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("::1", "::1", True),
        ("::1", "[::1]", True),
        ("::1", "[::1]:443", True),
        ("fd00::7", "fd00::/8", True),
        ("fd00::7", "10.0.0.0/8", False),
        ("10.1.2.3", "", False),
        ("ten.example", "10.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts_domains_addresses_and_networks(host, exceptions, bypassed):
    assert bypasses(host, 443, exceptions) is bypassed


def test_the_environment_names_the_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("https://api.butlr.io") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,::1")
    assert proxy_for("https://api.butlr.io") == "http://proxy:3128"
    assert proxy_for("https://10.9.8.7") is None
    assert proxy_for("https://[::1]:8443") is None
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy")
    with pytest.raises(ValueError, match="http:// or https://"):
        proxy_for("https://api.butlr.io")
