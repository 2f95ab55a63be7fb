# Print the options of a script for --help, from the lines between its marks:
#     # Heading
#     name=default  # Explanation.
/^# >>> options/ { inside = 1; next }
/^# <<< options/ { exit }
!inside { next }
/^# / { print "\n" substr($0, 3) ":"; next }
match($0, /^[a-z0-9_]+=/) {
    name = substr($0, 1, RLENGTH - 1)
    rest = substr($0, RLENGTH + 1)
    at = index(rest, "# ")
    value = substr(rest, 1, at - 1)
    gsub(/[ "]+$/, "", value)
    printf "    --%-22s %s", name, substr(rest, at + 2)
    print (value == "" ? "" : " (default: " value ")")
}
