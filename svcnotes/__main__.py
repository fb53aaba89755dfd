"""`python -m svcnotes` is the command `svcnotes`."""

from svcnotes.cli import main

raise SystemExit(main())
