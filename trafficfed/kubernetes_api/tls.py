"""TLS contexts from PEM data, without a key ever touching a disk."""

import os
import ssl


def client_context(ca: bytes | None, *, verify: bool = True) -> ssl.SSLContext:
    """A context that trusts ``ca`` (the system's authorities where None). Raises ssl.SSLError for bad PEM."""
    if ca is None:
        context = ssl.create_default_context()
    else:
        context = ssl.create_default_context(cadata=ca.decode("ascii", errors="replace"))
    # Newer Pythons want an Authority Key Identifier, which the CAs of many clusters lack and kubectl does not ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Present this certificate on connections made from now on. Raises ssl.SSLError where the pair does not fit.

    OpenSSL's loader wants a file name: a memory file has one, and vanishes with its descriptor.
    """
    descriptor = os.memfd_create("client-certificate")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
