"""It is not the network: `down`, `refused`, `inconclusive`."""

from __future__ import annotations

from tests.lab.scenarios.scenario import (
    CAPTCHA,
    ERROR_451,
    HEADERS,
    Control,
    Scenario,
    at,
    both,
    http,
    https,
    other,
    to,
)
from tests.lab.spec import (
    Access,
    Answer,
    Certificate,
    Drop,
    Ending,
    Lie,
    Name,
    Page,
    Reset,
    Rule,
    Sni,
    Spec,
)


def _certificate(id: str, number: int, kind: Certificate) -> Scenario:
    """The site's own certificate is bad, for everybody."""
    spec = Spec(sites=(https(f"{id}.example", at(number), certificate=kind),))
    return other("down", id, spec, f"https://{id}.example/")


OTHER: tuple[Scenario, ...] = (
    # it works nowhere
    other("down", "down-nxdomain", Spec(), "https://down-nxdomain.example/"),
    other(
        "down",
        "down-no-address",
        Spec(names=(Name(name="down-no-address.example"),)),
        "https://down-no-address.example/",
    ),
    other(
        "down",
        "down-closed-port",
        Spec(names=(Name(name="down-closed-port.example", addresses=(at(120),)),)),
        "https://down-closed-port.example/",
    ),
    other(
        "down",
        "down-timeout",
        Spec(names=(Name(name="down-timeout.example", addresses=(at(121),)),), dark=(at(121),)),
        "https://down-timeout.example/",
    ),
    _certificate("down-expired", 122, Certificate.EXPIRED),
    _certificate("down-wrong-host", 123, Certificate.WRONG_HOST),
    _certificate("down-untrusted", 124, Certificate.UNKNOWN_AUTHORITY),
    _certificate("down-self-signed", 125, Certificate.SELF_SIGNED),
    _certificate("down-root-of-its-own", 46, Certificate.OWN_ROOT),
    other(
        "down",
        "down-redirect-loop",
        Spec(sites=(https("down-redirect-loop.example", at(126), page=to("/")),)),
        "https://down-redirect-loop.example/",
    ),
    other(
        "down",
        "down-broken-location",
        Spec(sites=(https("down-broken-location.example", at(127), page=to("http://")),)),
        "https://down-broken-location.example/",
    ),
    other(
        "down",
        "down-everyone-loopback",
        Spec(names=(Name(name="down-everyone-loopback.example", addresses=("127.0.0.1",)),)),
        "https://down-everyone-loopback.example/",
    ),
    *(
        other(
            "down",
            f"down-{ending}-after-request",
            Spec(sites=(http(f"down-{ending}-after-request.example", at(128 + i), page=Page(ending=ending)),)),
            f"http://down-{ending}-after-request.example/",
        )
        for i, ending in enumerate(Ending)
    ),
    other(
        "down",
        "down-nx-rewritten",
        Spec(
            sites=(http("adverts.example", at(132), page=Page(title="Did you mean…", text="Buy! " * 50)),),
            lies=(Lie(name="", addresses=(at(132),), only_dead=True),),
        ),
        "http://down-nx-rewritten.example/",
        reason="host.resolver_rewrites",
        host={"resolver_rewrites_nxdomain": True, "rewritten_to": [at(132)], "resolver_intercepts": None},
    ),
    other("down", "down-retired", Spec(), "bbm"),
    # the service turns us away
    *(
        other(
            "refused",
            id,
            Spec(sites=(https(f"{id}.example", at(140 + i), for_client=page),)),
            f"https://{id}.example/",
        )
        for i, (id, page) in enumerate(
            (
                ("refused-403", Page(status=403, title="Forbidden", headers=HEADERS)),
                ("refused-451", ERROR_451),
                ("refused-captcha", CAPTCHA),
            )
        )
    ),
    other(
        "inconclusive",
        "refused-captcha-http",
        Spec(sites=(http("refused-captcha-http.example", at(143), for_client=CAPTCHA),)),
        "http://refused-captcha-http.example/",
    ),
    # it cannot be told
    other(
        "inconclusive",
        "offline",
        Spec(sites=both("offline.example", at(150)), access=Access(online=False)),
        "https://offline.example/",
        control=Control.DOWN,
        reason="host.offline",
        status=75,
        host={"online": False},
    ),
    other(
        "inconclusive",
        "clock-wrong-control-down",
        Spec(
            sites=tuple(
                https(f"clock-wrong-{number}.example", at(159 + number), certificate=Certificate.BRIEF)
                for number in range(2)
            )
        ),
        "https://clock-wrong-0.example/",
        "https://clock-wrong-1.example/",
        control=Control.DOWN,
        clock="+365d",
        reason="host.clock_suspect",
        host={"clock_wrong": True, "clock_offset": None, "captive_portal": None},
    ),
    other(
        "inconclusive",
        "control-down-http",
        Spec(sites=(http("control-down-http.example", at(153)),)),
        "http://control-down-http.example/",
        control=Control.DOWN,
    ),
    other(
        "inconclusive",
        "control-down-dns-fails",
        Spec(
            sites=(https("control-down-dns-fails.example", at(154)),),
            lies=(Lie(name="control-down-dns-fails.example", answer=Answer.NXDOMAIN),),
        ),
        "https://control-down-dns-fails.example/",
        control=Control.DOWN,
    ),
    other(
        "inconclusive",
        "control-off-tls-reset",
        Spec(
            sites=(https("control-off-tls-reset.example", at(155)),),
            rules=(Rule(when=Sni(name="control-off-tls-reset.example"), do=Reset()),),
        ),
        "https://control-off-tls-reset.example/",
        control=Control.OFF,
    ),
    other(
        "inconclusive",
        "tls-fails-twice-and-passes",
        Spec(
            sites=(https("tls-fails-twice-and-passes.example", at(164)),),
            rules=(Rule(when=Sni(name="tls-fails-twice-and-passes.example"), do=Drop(), times=2),),
        ),
        "https://tls-fails-twice-and-passes.example/",
        reason="host.passing_fault",
    ),
    other(
        "inconclusive",
        "control-also-censored",
        Spec(
            sites=(https("control-also-censored.example", at(156)),),
            lies=(Lie(name="control-also-censored.example", answer=Answer.NXDOMAIN),),
        ),
        "https://control-also-censored.example/",
        control=Control.TWO,
        reason="control.disagrees",
    ),
    other(
        "inconclusive",
        "dns-blocked-control-blocked-too",
        Spec(
            sites=(https("dns-blocked-control-blocked-too.example", at(157)),),
            lies=(Lie(name="dns-blocked-control-blocked-too.example", answer=Answer.SERVFAIL),),
        ),
        "https://dns-blocked-control-blocked-too.example/",
        control=Control.DOWN,
        reason="control.none",
    ),
)
