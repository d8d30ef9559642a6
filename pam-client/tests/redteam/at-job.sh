# A job for later, as at writes it.
sudo bash -c 'd=/var/spool/cron/atjobs; echo "sleep 7700" >$d/a0000101d9f6a0; chown $SUDO_UID $d/a0000101d9f6a0'
