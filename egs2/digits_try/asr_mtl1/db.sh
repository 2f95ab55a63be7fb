#!/usr/bin/env bash
# Where the corpus is: a CSV or TSV with the columns path, text, speaker, accent and, if
# you like, split. Set it here, in the environment, or by ./run.sh --table FILE.
TABLE=${TABLE:-/tmp/recipe/my\ data/digits.csv}
