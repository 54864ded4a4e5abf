"""A real proxy before several API processes: Caddy on loopback, with TLS and HTTP/2 for clients, HTTP/1.1 behind."""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.processes import eventually, quiet_port

CADDYFILE = """
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
    persist_config off
    storage file_system {storage}
    log {{
        level ERROR
    }}
}}
https://localhost:{port} {{
    bind 127.0.0.1
    tls internal
    reverse_proxy {upstreams} {{
        lb_policy round_robin
        lb_try_duration 10s
        lb_try_interval 100ms
        fail_duration 2s
    }}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """Where clients find it, and the authority that they must trust."""

    address: str
    authority: Path

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@asynccontextmanager
async def running_caddy(folder: Path, ports: Sequence[int]) -> AsyncIterator[Proxy]:
    """The proxy before the API processes on these ports. All that it keeps lies in the folder."""
    port = quiet_port()
    file = folder / "Caddyfile"
    upstreams = " ".join(f"127.0.0.1:{one}" for one in ports)
    file.write_text(CADDYFILE.format(storage=folder / "caddy", port=port, upstreams=upstreams))
    with (folder / "caddy.log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).parent / "caddy"), "run", "--config", str(file), "--adapter", "caddyfile"),
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdout=output,
            stderr=output,
        )
    proxy = Proxy(f"https://localhost:{port}", folder / "caddy" / "pki" / "authorities" / "local" / "root.crt")

    async def listens() -> bool:
        assert process.returncode is None, (folder / "caddy.log").read_text()
        if not proxy.authority.exists():
            return False
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("localhost", port, ssl=proxy.tls())
            writer.close()
            return True
        return False

    try:
        await eventually("the proxy to listen", listens)
        yield proxy
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)
