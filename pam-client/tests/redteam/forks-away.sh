# A process has another number whenever one looks.
# alone
cat >~/hop <<'END'
#!/bin/bash
"$0" & exit
END
chmod 700 ~/hop
setsid ~/hop >/dev/null 2>&1 </dev/null &
sleep 0.2
