"""A caching resolver as tests put it between a client and the name server."""

import shutil
from pathlib import Path

import dns.message
import dns.query

from trafficfed.testing.nameservers import question
from trafficfed.testing.processes import ServerProcess, free_port


class Unbound:
    """A caching resolver that sends Client Subnet to the name server and takes it from its own clients."""

    def __init__(self, directory: Path, zone: str, authority: int) -> None:
        """``authority`` is the port of the zone's name server."""
        self.port = free_port()
        configuration = directory / "unbound.conf"
        configuration.write_text(
            f"""
server:
  interface: 127.0.0.1@{self.port}
  directory: "{directory}"
  pidfile: ""
  username: ""
  chroot: ""
  use-syslog: no
  access-control: 127.0.0.0/8 allow
  module-config: "subnetcache iterator"
  send-client-subnet: 127.0.0.1
  client-subnet-always-forward: yes
  max-client-subnet-ipv4: 24
  do-not-query-localhost: no
  qname-minimisation: no
  local-zone: "{zone}" nodefault
stub-zone:
  name: "{zone}"
  stub-addr: 127.0.0.1@{authority}
remote-control:
  control-enable: no
"""
        )
        binary = shutil.which("unbound") or "/usr/sbin/unbound"
        self.process = ServerProcess([binary, "-d", "-p", "-c", str(configuration)], directory / "unbound.log")
        self.process.wait_until(lambda: "start of service" in self.process.tail())

    def ask(self, name: str, subnet: str = "", kind: str = "A") -> dns.message.Message:
        return dns.query.udp(question(name, kind, subnet), "127.0.0.1", port=self.port, timeout=5)
