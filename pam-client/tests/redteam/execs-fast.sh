# A process becomes another program whenever one looks.
cat >~/again <<'END'
#!/bin/bash
exec "$0"
END
chmod 700 ~/again
setsid ~/again >/dev/null 2>&1 </dev/null &
sleep 0.2
