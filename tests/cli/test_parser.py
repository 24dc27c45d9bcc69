"""What the commands share: errors of one sentence, values of fields, and warnings of one line."""

import argparse
import warnings

import pytest

from cnnlab.cli.parser import Parser, plain_errors, plain_warnings, reader
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS


def test_an_error_is_one_sentence_and_the_status_2(capsys):
    parser = Parser(prog="python -m cnnlab try")
    parser.add_argument("--seed", type=reader("seed", FIELDS["seed"]))
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--sede", "1"])
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert errors == "unrecognized arguments: --sede 1; python -m cnnlab try --help shows every option\n"


def test_a_value_is_read_as_its_field_reads_it_or_refused_in_words():
    assert reader("kernel_size", FIELDS["kernel_size"])("5") == 5
    assert reader("channels", FIELDS["channels"])("8,16") == (8, 16)
    with pytest.raises(argparse.ArgumentTypeError, match="kernel_size"):
        reader("kernel_size", FIELDS["kernel_size"])("five")


def test_a_warning_is_one_line_within_the_block_alone(capsys):
    before = warnings.showwarning
    with plain_warnings():
        warnings.simplefilter("always")
        warnings.warn("two runs failed", stacklevel=1)
    assert capsys.readouterr().err == "two runs failed\n"
    assert warnings.showwarning is before


@pytest.mark.parametrize("error", [ConfigError("no such store"), DataError("no such store"), OSError("no such store")])
def test_a_command_that_fails_says_it_in_one_line_and_its_status_is_2(capsys, error):
    @plain_errors
    def main(arguments):
        """Fail for any argument."""
        if arguments:
            raise error
        return 1

    assert main([]) == 1
    assert main(["runs"]) == 2
    assert capsys.readouterr().err == "no such store\n"
    assert main.__doc__ == "Fail for any argument."


def test_an_error_of_our_own_code_keeps_its_traceback():
    @plain_errors
    def main(_arguments):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main([])
