"""`python -m gateway` is `kogge`."""

import sys

from gateway.cli import main

sys.exit(main())
