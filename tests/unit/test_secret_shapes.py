"""What is hidden of a text because it looks like a secret, and what is left in."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from functions.deploy.errors import AwsError, RefusedError, UnavailableError
from functions.redaction.shapes import LINE, has_secret, hide, names_secret

CRASHES = Path(__file__).parents[1] / "fixtures" / "crashes"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"
SHA, DIGEST = "3f2c1aa0" * 5, "3f2c1aa0" * 8
KEY = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEAx1", "abcdefgh", "-----END RSA PRIVATE KEY-----"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Addresses: to the last @
        ("dial postgres://easi:Winter@2026!@db:5432/easi", "dial postgres://easi:[hidden]@db:5432/easi"),
        ("postgres://easi:a/b?c#d@db.internal/easi", "postgres://easi:[hidden]@db.internal/easi"),
        ("POSTGRES://easi:p%40ss@db/easi refused", "POSTGRES://easi:[hidden]@db/easi refused"),
        ("redis://:hunter2@cache:6379/0", "redis://:[hidden]@cache:6379/0"),
        ('"mongodb+srv://u:Win\'ter@c.example/?w=1"', '"mongodb+srv://u:[hidden]@c.example/?w=1"'),
        ("https://9f3c1e2d4b5a6978@o1.ingest.sentry.io/42", "https://[hidden]@o1.ingest.sentry.io/42"),
        ("https://ghp_abc:x-oauth-basic@github.com/a", "https://ghp_abc:[hidden]@github.com/a"),
        ("easi:hunter2@tcp(db:3306)/easi?parseTime=true", "easi:[hidden]@tcp(db:3306)/easi?parseTime=true"),
        ("sqlplus scott/tiger@ORCL", "sqlplus scott/[hidden]@ORCL"),
        ("scott/tiger@", "scott/[hidden]@"),
        ("jdbc:oracle:thin:scott/ti@ger@//db:1521/x", "jdbc:oracle:thin:scott/[hidden]@//db:1521/x"),
        ("curl -u easi:hunter2 https://a", "curl -u easi:[hidden] https://a"),
        # Names
        ("with PGPASS=hunter2 and DB_PASS=hun,ter2;x set", "with PGPASS=[hidden] and DB_PASS=[hidden] set"),
        ("passphrase: correct horse battery", "passphrase: [hidden]"),
        (
            "SECRET_KEY_BASE=0f3a CLIENT_SECRET_VALUE=a.b~ x=1",
            "SECRET_KEY_BASE=[hidden] CLIENT_SECRET_VALUE=[hidden] x=1",
        ),
        ("TOKEN_SIGNING_KEY=abc-1, port=5432", "TOKEN_SIGNING_KEY=[hidden], port=5432"),
        ('{"level":"error","dbPassword":"hunter2","port":5432}', '{"level":"error","dbPassword":[hidden],"port":5432}'),
        ('{"m":"{\\"password\\":\\"hun\\\\\\"ter2\\",\\"a\\":1}"}', '{"m":"{\\"password\\":[hidden],\\"a\\":1}"}'),
        ('{"msg":"bad: password=hun\\"ter2 host=db","a":"b"}', '{"msg":"bad: password=[hidden] host=db","a":"b"}'),
        ('[{"name":"DB_PASSWORD","value":"a"},{"name":"A","value":"b"}]', None),
        ("{'keys': ['a1', 'b'], 'port': 1}", "{'keys': [hidden], 'port': 1}"),
        ('{"credentials":{"u":"x","p":"y"},"port":1}', '{"credentials":[hidden],"port":1}'),
        ("{User:easi Password:hunter2 Port:5432}", "{User:easi Password:[hidden] Port:5432}"),
        ('Config { password: Some("hunter 2"), port: 1 }', "Config { password: [hidden], port: 1 }"),
        ("<password>hunter2</password><user>a</user>", "<password>[hidden]</password><user>a</user>"),
        ("Server=db;Password=P@ss;w0rd;Database=easi", "Server=db;Password=[hidden];Database=easi"),
        ("AccountKey=abc/def+==;EndpointSuffix=x", "AccountKey=[hidden];EndpointSuffix=x"),
        ("GET /x?token=abc123&user=easi 200", "GET /x?token=[hidden]&user=easi 200"),
        ("migrate --password hunter2 --token=abc --verbose", "migrate --password [hidden] --token=[hidden] --verbose"),
        ("-Dspring.datasource.password=hunter2 -Dport=1", "-Dspring.datasource.password=[hidden] -Dport=1"),
        ("os.environ['PGPASS'] = 'a b'", "os.environ['PGPASS'] = [hidden]"),
        ("machine db login easi password hunter2 port 1", "machine db login easi password [hidden] port 1"),
        ("ALTER USER a IDENTIFIED BY hunter2;", "ALTER USER a IDENTIFIED BY [hidden];"),
        ("ENV DB_PASS hunter", "ENV DB_PASS [hidden]"),
        ("it said: Password\uff1a hunter2", "it said: Password\uff1a [hidden]"),
        ("PASSWORD = “hun ter2” x", "PASSWORD = [hidden] x"),
        ("PASSWORD is 'hun ter2' x", "PASSWORD is [hidden] x"),
        # A text around the pair: also what comes behind it
        ('{"m": "key=\'a1;b\'", "u": "x"}', '{"m": "key=[hidden]'),
        ('{"m":"token=\\"a1\\"","password": "b c"}', '{"m":"token=[hidden]'),
        ("(secret=a1)&--token b1 c", "(secret=[hidden] c"),
        # Headers
        ("sent Authorization: Bearer abc.def now", "sent Authorization: Bearer [hidden] now"),
        ("authorization: Basic ZWFzaTpodW50ZXIy", "authorization: Basic [hidden]"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=b", "Authorization: [hidden]"),
        ('{"headers":{"Authorization":"Bearer abc"}}', '{"headers":{"Authorization":"Bearer [hidden]}}'),
        ("Cookie: sid=abc; theme=dark", "Cookie: [hidden]"),
        ("Set-Cookie: sid=abc; Path=/; HttpOnly", "Set-Cookie: [hidden]"),
        ("sent bearer hunter2hunter2 to it", "sent bearer [hidden] to it"),
        ("X-Amz-Signature=0a1b&X-Amz-Date=2026", "X-Amz-Signature=[hidden]&X-Amz-Date=2026"),
        # Forms
        (f"session {TOKEN} expired", "session [hidden] expired"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key [hidden] used"),
        ("with wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY here", "with [hidden] here"),
        ("see -----BEGIN EC PRIVATE KEY-----\\nMIIE\\n", "see [hidden]"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[hidden]"),
        ("github_pat_11ABCDEFG0abcdefghijklmnop_x", "[hidden]"),
        ("post to https://hooks.slack.com/services/T0/B0/abc", "post to https://hooks.slack.com/services/[hidden]"),
        ("xoxb-123456789012-abcdefGHIJKL", "[hidden]"),
        ("stripe sk_live_4eC39HqLyjWDarjtT1", "stripe [hidden]"),
        ("SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF", "[hidden]"),
        ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "[hidden]"),
        ("pypi-AgEIcHlwaS5vcmcCJDU3OTgyZjg0", "[hidden]"),
        ("glpat-abcdefghij0123456789 and AIzaSyA-abcdefghijklmnopqrstuvwxyz012345", "[hidden] and [hidden]"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str | None) -> None:
    expected = '[{"name":"DB_PASSWORD","value":[hidden]},{"name":"A","value":"b"}]' if shown is None else shown
    assert hide(text) == expected
    assert hide(expected) == expected, "hidden once more, it is the same"
    assert has_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        f"image 111122223333.dkr.ecr.us-west-2.amazonaws.com/easi@sha256:{DIGEST}",
        f"image localhost:4566/easi-token:dev@sha256:{DIGEST}",
        f"version {SHA}, key of the record release.json",
        "task 3a5e1c7d9b2f4e6a8c0d1e2f3a4b5c33 stopped: Essential container in task exited",
        "arn:aws:ecs:us-west-2:111122223333:task-definition/easi-token:7",
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:Easi/Prod-AbCdEf:password::",
        "easi-token:7 is there already (ecs-svc/5846192370518264913)",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed",
        "(service easi-dev) (deployment ecs-svc/5846192370518264913) deployment failed: tasks failed to start.",
        "open /srv/app/Migrations/0007_AddRequests.sql: no such file or directory",
        "github.com/example/backend/internal/Server.go:127 +0x1b4",
        "\t/go/pkg/mod/github.com/jackc/pgx/v5@v5.5.0/token.go:42 +0x1b4",
        "at com.example.TokenService.parse(TokenService.java:42)",
        "thread 'main' panicked at src/secret.rs:4:5:",
        "KeyError: 'DATABASE_URL'",
        "NoSuchKey: The specified key does not exist. Key: assets/index-BvX1aZ9k.png",
        "ExpiredToken: The security token included in the request is expired",
        'pq: password authentication failed for user "easi"',
        "Access denied for user 'easi'@'10.0.0.1' (using password: YES)",
        "environment variable DB_PASSWORD not set",
        'duplicate key value violates "users_pkey" DETAIL: Key (id)=(42) already exists.',
        "SyntaxError: Unexpected token '<', \"<html>\" is not valid JSON",
        "secret easi/prod/db was not found; container secrets: exit code 3",
        "total_tokens=1532 max_tokens: 4096 primary_key=id cache key=users:42",
        "PASSWORD_FILE=/run/secrets/db TOKEN_TTL=3600 token: null secret=false",
        "password=*** token=[REDACTED] key=${DB_KEY}",
        "listening on http://0.0.0.0:8080, pass 3 of 3, tokens 12",
        "https://cdn.example/npm/react@18.2.0/index.js by octocat@example.gov",
        "uses actions/checkout@v4, git@github.com:example/easi.git, ssh://git@github.com/a/b",
        "postgres://easi@db/easi: connection refused",
        "basic health checks passed, bearer of bad news",
        "the error signature is unknown: see the author's notes",
    ],
)
def test_what_explains_a_failure_stays(text: str) -> None:
    assert hide(text) == text


@pytest.mark.parametrize("file", sorted(CRASHES.glob("*.txt")), ids=lambda file: file.stem)
def test_real_crashes_stay_as_they_are(file: Path) -> None:
    assert hide(file.read_text()) == file.read_text()


NAMES = (
    *("password", "PASSWORD", "Passwd", "db_pass", "PGPASS", "MYSQL_PWD", "dbPassword", "db.password", "DB-PASSWORD"),
    *("clientSecret", "CLIENT_SECRET_VALUE", "SECRET_KEY_BASE", "apiKey", "X-Api-Key", "STRIPE_KEY", "authToken"),
    *("TOKEN_SIGNING_KEY", "AWS_SECRET_ACCESS_KEY", "passphrase", "credentials", "redis_auth", "accessTokens"),
)
FORMS = (
    *("{}={}", "{}: {}", "{} = {}", "{}:={}", "{} => {}", "x {}={} y", "(x, {}={}, y)", "&{}={}&y=1", "{}={},y=1"),
    *('"{}":"{}"', '"{}": "{}"', "'{}': '{}'", '\\"{}\\":\\"{}\\"', '{{"a":{{"{}":"{}"}}}}', '{}="{}"', "{}='{}'"),
    *(
        '{{"name":"{}","value":"{}"}}',
        "- name: {}\n  value: {}",
        "<{0}>{1}</{0}>",
        "--{} {}",
        "--{}={}",
        "export {}={}",
    ),
    *("level=info {}={} y=1", 'msg="{}={}"', '{{"msg":"with {}={} here"}}', "{}\uff1a{}", "{}={}\nnext", "`{}={}`"),
)
VALUES = (
    "hunter2",
    "Winter@2026!",
    "a/b+c==",
    "x.y~z-1",
    "p$w^r%d",
    "\u043f\u0430\u0440\u043e\u043b\u044c7",
    "0123456789abcdef",
    "hun#ter:2",
    "q" * 300,
)


@pytest.mark.parametrize("form", FORMS)
def test_no_value_of_a_telling_name_is_shown_whatever_is_around_it(form: str) -> None:
    for name, value in itertools.product(NAMES, VALUES):
        text = form.format(name, value)
        assert value not in hide(text), text
        assert hide(hide(text)) == hide(text), text


@pytest.mark.parametrize(
    "value", ["Winter@2026!", "a:b", "x/y", "p@", "@p", "a?b", "q#r", "p%40", "\u043f\u0430@\u0440", "'", "a,b"]
)
def test_no_password_of_an_address_is_shown(value: str) -> None:
    for form in ("postgres://easi:{}@db.internal:5432/easi", "x (amqps://u:{}@mq/v) y", "https://u:{}@host/p?q=1"):
        assert hide(form.format(f"W{value}Z")) == form.format("[hidden]"), form.format(value)


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["a", *KEY, "b"], ["a", *["[hidden]"] * 4, "b"]),
        ([*KEY[2:], "b"], ["abcdefgh", "[hidden]", "b"]),
        (["MIIEowIBAAKCAQEAx1", "MIIEowIBAAKCAQEAx1", KEY[3]], ["[hidden]"] * 3),
        (["password: |", "  hun", "  ter2", "host: db"], ["password: |", "  [hidden]", "  [hidden]", "host: db"]),
        (["password:", "  hunter2", "host: db"], ["password:", "  [hidden]", "host: db"]),
        (["credentials:", "  user: easi", "  password: a"], ["credentials:", "  user: easi", "  password: [hidden]"]),
        (["- name: PGPASS", "  value: a", "  port: 1"], ["- name: PGPASS", "  value: [hidden]", "  port: 1"]),
        (["invalid token:", "    at main (main.js:1:2)"], None),
    ],
)
def test_values_on_lines_of_their_own_are_hidden(lines: list[str], shown: list[str] | None) -> None:
    assert hide("\n".join(lines)).split("\n") == (lines if shown is None else shown)


def test_a_long_line_is_cut_and_no_half_of_a_secret_is_left() -> None:
    assert hide("a" * 10_000) == "a" * (LINE - 256) + "…"
    for at in range(LINE - 300, LINE + 20, 7):
        shown = hide("a " * (at // 2) + "postgres://easi:Winter2026@db/easi " + "b" * 3000)
        assert "Winter" not in shown
    assert len(hide("\n".join(["x" * 9999] * 3))) < 3 * LINE


def test_errors_hide_secrets() -> None:
    for kind in (RefusedError, UnavailableError, AwsError):
        assert "hunter2" not in str(kind("it said password=hunter2"))


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "a", True),
        ("PGPASS", "12345678", True),
        ("STRIPE_KEY", "sk", True),
        ("SECRET_KEY_BASE", "0f3a", True),
        ("API_TOKEN", "abc", True),
        ("DB_PASSWORD", "", False),
        ("DB_PASSWORD_FILE", "/run/secrets/db", False),
        ("TOKEN_TTL", "3600", False),
        ("MAX_TOKENS", "4096", False),
        ("PARTITION_KEY", "userId", False),
        ("PASSWORD_LOGIN", "true", False),
        ("USE_TOKEN", "true", False),
        ("SECRET_ARN", "arn:aws:secretsmanager:us-west-2:1:secret:a", False),
        ("KEYCLOAK_URL", "https://a", False),
        ("COMPASS", "north", False),
        ("LOG_LEVEL", "debug", False),
        ("SESSION_COOKIE", "sid", False),
    ],
)
def test_names_of_variables_say_that_they_are_secrets(name: str, value: str, *, secret: bool) -> None:
    assert names_secret(name, value) == secret
