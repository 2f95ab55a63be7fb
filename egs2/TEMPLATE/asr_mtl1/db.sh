#!/usr/bin/env bash
# Where the corpora are. Set a root here, or in the environment of the command.
# Empty: the recipe says where to get the corpus.

# https://github.com/Jakobovski/free-spoken-digit-dataset
FSDD=${FSDD:-}
