"""`python -m redress_cli` is the command `redress`."""

from redress_cli.app import main

if __name__ == "__main__":
    main()
