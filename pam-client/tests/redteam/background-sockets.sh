# An agent for keys stays in the background, as a shared connection does.
ssh-agent -a ~/agent.sock >/dev/null
ssh-agent -a /tmp/agent.sock >/dev/null
