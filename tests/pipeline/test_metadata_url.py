"""URLs of metadata stores: what they say to MLMD, what is refused, and that no password is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_metadata.proto import metadata_store_pb2 as pb

from data_schemas.errors import ConfigurationError
from pipeline.metadata_url import MetadataUrl, parse_url, without_passwords

SECRET = 'p@ss:"w\\ord/ä'


def test_a_postgresql_url_becomes_mlmds_configuration() -> None:
    url, password = parse_url("postgresql+pg8000://ada:secret@db.example:6432/mlmd?sslmode=verify-full&sslrootcert=/ca")
    config = pb.ConnectionConfig()
    url.fill(config, password=password)
    ours = config.postgresql
    assert (ours.host, ours.port, ours.user, ours.password, ours.dbname) == (
        "db.example",
        "6432",
        "ada",
        "secret",
        "mlmd",
    )
    assert (ours.ssloption.sslmode, ours.ssloption.sslrootcert) == ("verify-full", "/ca")
    assert str(url) == "postgresql://ada@db.example:6432/mlmd?sslmode=verify-full&sslrootcert=%2Fca"


def test_a_mysql_url_becomes_mlmds_configuration() -> None:
    url, password = parse_url("mysql://ada@[::1]/mlmd?ssl_ca=/ca&ssl_verify=true")
    config = pb.ConnectionConfig()
    url.fill(config, password=password)
    assert (config.mysql.host, config.mysql.port, config.mysql.database) == ("::1", 3306, "mlmd")
    assert config.mysql.ssl_options.ca == "/ca" and config.mysql.ssl_options.verify_server_cert is True
    assert not config.mysql.HasField("password")


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1)


@given(TEXT, TEXT.filter(lambda name: "/" not in name), st.integers(1, 65535), st.sampled_from(["postgresql", "mysql"]))
def test_a_url_that_is_printed_is_read_again(user: str, database: str, port: int, scheme: str) -> None:
    url = MetadataUrl(scheme, user, "db.example", port, database)
    assert parse_url(str(url)) == (url, "")


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///file",
        "postgresql://db.example",
        "postgresql:///mlmd",
        "postgresql://db.example/a/b",
        "postgresql://u:PASSWORD@db.example:port/mlmd",
        "postgresql://u:PASSWORD@db.example/mlmd?sslmod=require",
        "mysql://u:PASSWORD@db.example/mlmd?ssl_verify=perhaps",
        "mlmd",
        "",
    ],
)
def test_what_is_no_such_url_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="metadata store's URL") as refused:
        parse_url(text)
    assert "PASSWORD" not in str(refused.value)


def test_a_password_in_a_printed_configuration_is_blotted_out() -> None:
    config = pb.ConnectionConfig()
    parse_url("postgresql://ada@db.example/mlmd")[0].fill(config, password=SECRET)
    text = without_passwords(f"Using connection config:\n {config}")
    assert 'password: "***"' in text and "p@ss" not in text and 'user: "ada"' in text
