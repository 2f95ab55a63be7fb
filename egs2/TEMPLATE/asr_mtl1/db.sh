#!/usr/bin/env bash
# Where the corpora are. Set a root here, or in the environment of the command.
# Empty: the recipe says where to get the corpus.

# https://github.com/Jakobovski/free-spoken-digit-dataset
FSDD=${FSDD:-}
# https://commonvoice.mozilla.org/datasets: the folder of an unpacked release
COMMONVOICE=${COMMONVOICE:-}
# Accented English Speech Recognition Challenge 2020, by DataTang: the unpacked folder
AESRC2020=${AESRC2020:-}
# https://datashare.ed.ac.uk/handle/10283/3443: CSTR VCTK, the unpacked folder
VCTK=${VCTK:-}
# https://accent.gmu.edu: the Speech Accent Archive, the folder with recordings/
SAA=${SAA:-}
