"""The console's certificate, from the PEM files that [webserver] names."""

from collections.abc import Callable
from typing import TypeVar

from OpenSSL import SSL, crypto
from twisted.internet import ssl

from runtime.config_values import Web
from runtime.problems import CannotStart

T = TypeVar("T")

_END = b"-----END CERTIFICATE-----"


def certificate_options(web: Web) -> ssl.CertificateOptions:
    """What a TLS port of the console offers: TLS 1.2 and newer.

    :raises CannotStart: a file cannot be read or is not what its key says, or the key is not the certificate's.
    """
    key = _load("ssl_key", web.ssl_key, "private key without a passphrase", _key)
    certificate = _load("ssl_cert", web.ssl_cert, "certificate", _certificate)
    chain = _load("ssl_cert_chain", web.ssl_cert_chain, "chain of certificates", _chain) if web.ssl_cert_chain else []
    options = ssl.CertificateOptions(key, certificate, extraCertChain=chain, raiseMinimumTo=ssl.TLSVersion.TLSv1_2)
    try:
        options.getContext()  # else the first browser would be the one to find out
    except SSL.Error:
        raise CannotStart(f"[webserver] ssl_key {web.ssl_key} is not the key of ssl_cert {web.ssl_cert}") from None
    return options


def _load(name: str, path: str | None, what: str, read: Callable[[bytes], T]) -> T:
    assert path is not None, "the config is checked: with ssl both files are named"
    try:
        with open(path, "rb") as file:
            return read(file.read())
    except OSError as error:
        raise CannotStart(f"[webserver] {name} {path}: {error.strerror}") from None
    except (crypto.Error, ValueError):
        raise CannotStart(f"[webserver] {name} {path} is no PEM file of a {what}") from None


def _key(pem: bytes) -> crypto.PKey:
    # With no passphrase at all OpenSSL would ask for one at the terminal, and the pool would wait for it.
    return crypto.load_privatekey(crypto.FILETYPE_PEM, pem, b"")


def _certificate(pem: bytes) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_PEM, pem)


def _chain(pem: bytes) -> list[crypto.X509]:
    return [_certificate(one + _END) for one in pem.split(_END)[:-1]]
