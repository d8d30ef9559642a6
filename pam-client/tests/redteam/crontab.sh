# A schedule, as crontab writes it.
sudo bash -c 'd=/var/spool/cron/crontabs; echo "* * * * * sleep 7700" >$d/$SUDO_USER; chown $SUDO_UID $d/$SUDO_USER'
