# A process begins by way of another group.
sg "$(id -gn)" -c 'setsid sleep 7700 >/dev/null 2>&1 </dev/null &'
