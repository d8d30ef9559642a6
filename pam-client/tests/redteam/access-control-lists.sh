# Lists of access name the account.
# needs: command -v setfacl
touch /tmp/list ~/list && setfacl -m "u:$(id -u):rwx" /tmp/list ~/list
