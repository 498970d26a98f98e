"""How to reach one API server and as whom: from kubeconfig files, or from inside a Pod.

The only module that knows the Kubernetes client library, of which it uses the reading and merging of kubeconfig files
and the environment of Pods. What that library gets wrong is done here and in ``authentication``: it leaves keys in
temporary files, reads token files once, swallows failures of exec plugins, and ignores impersonation (seen in 37.0.2).
"""

import os
import ssl
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import KUBE_CONFIG_DEFAULT_LOCATION, ConfigException
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.authentication import TokenFile
from trafficfed.kubernetes_api.context import Context, Credentials, Section
from trafficfed.kubernetes_api.tls import client_context
from trafficfed.ports import Clock

__all__ = ["Credentials", "in_cluster", "load_kubeconfig"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NO_FILE = "{}: there is no such file; name a kubeconfig that exists"


async def load_kubeconfig(
    path: Path | str | None, context: str | None, clock: Clock, allow_exec: tuple[str, ...] = ()
) -> Credentials:
    """The credentials of a context (None: the current one) of a kubeconfig (None: $KUBECONFIG, else ~/.kube/config).

    ``allow_exec`` lists the commands that the file may name as exec plugins, exactly as written there.
    Raises ConfigError that names the file, the context and what to do.
    """
    place = str(path or os.environ.get("KUBECONFIG") or KUBE_CONFIG_DEFAULT_LOCATION)
    where = f"{place}: context {context}" if context else f"{place}: the current context"
    try:
        return _selected(place, context).credentials(clock, allow_exec)
    except ConfigException as error:
        said = str(error).removeprefix("Invalid kube-config file. ")
        raise ConfigError(f"{where}: {said}; `kubectl config get-contexts` lists what is there") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: some entry is not what a kubeconfig has there ({error}); "
            "`kubectl config view` says what it cannot read"
        ) from error


def in_cluster(directory: Path = SERVICE_ACCOUNT) -> Credentials:
    """The credentials every Pod with a ServiceAccount has. Raises ConfigError outside of one."""
    configuration = Configuration()
    token, authority = directory / "token", directory / "ca.crt"
    try:
        loader: Any = _untyped(InClusterConfigLoader)(str(token), str(authority), try_refresh_token=False)
        loader.load_and_set(configuration)
        tls = client_context(authority.read_bytes())
    except (ConfigException, OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"no credentials of a Pod in {directory}: {error}; outside a cluster name a kubeconfig and context"
        ) from error
    return Credentials(
        name="the Pod's ServiceAccount",
        server=str(configuration.host),
        means="token",
        authentication=TokenFile(token),
        tls=tls,
    )


def _selected(place: str, context: str | None) -> Context:
    loader: Any = _untyped(KubeConfigLoader)(_merged(place), active_context=context)
    cluster, user, chosen = loader._cluster, loader._user, loader.current_context
    if user is None and chosen["context"].get("user"):
        raise ConfigException(f"it names the user {chosen['context']['user']}, which is not there")
    return Context(
        place=place,
        name=f"context {chosen['name']}",
        cluster=Section(cluster.value, cluster.path or place),
        user=Section(user.value, user.path or place) if user is not None else Section({}, place),
    )


def _merged(place: str) -> Any:
    if not any(os.path.exists(os.path.expanduser(file)) for file in place.split(os.pathsep) if file):
        # The library would log a warning of its own, and with every try.
        raise ConfigError(_NO_FILE.format(place))
    try:
        merged = _untyped(KubeConfigMerger)(place).config
    except OSError as error:
        raise ConfigError(f"{place}: cannot be read: {error.strerror}; name a kubeconfig that can") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: is no YAML: {' '.join(str(error).split())}; correct the file") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(f"{place}: is no kubeconfig; `kubectl config view --raw` prints a working one") from error
    if merged is None:
        raise ConfigError(_NO_FILE.format(place))
    return merged


def _untyped(library_class: Any) -> Any:
    """The library has no type annotations here."""
    return library_class
