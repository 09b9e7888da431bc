# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_clustererctl_global_optspecs
    string join \n mi= reply-dir= timeout= token-file= json text h/help V/version
end

function __fish_clustererctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_clustererctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_clustererctl_using_subcommand
    set -l cmd (__fish_clustererctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c clustererctl -n "__fish_clustererctl_needs_command" -l mi -d 'Where the daemon takes commands: fifo:PATH, unix:PATH, udp:HOST:PORT or http://HOST:PORT/mi' -r
complete -c clustererctl -n "__fish_clustererctl_needs_command" -l reply-dir -d 'Where replies over a FIFO (the daemon\'s `reply_dir`) or a Unix socket arrive [default: /tmp/]' -r -F
complete -c clustererctl -n "__fish_clustererctl_needs_command" -l timeout -d 'How long to wait for the answer [default: 35, for watch 5]' -r
complete -c clustererctl -n "__fish_clustererctl_needs_command" -l token-file -d 'A file that holds the token which the daemon wants over HTTP' -r -F
complete -c clustererctl -n "__fish_clustererctl_needs_command" -l json -d 'Print the result as one line of JSON'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -l text -d 'Speak the text form of OpenSIPS 2.x, over a FIFO or a datagram socket'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -s V -l version -d 'Print version'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "bin" -d 'Packets of the BIN protocol: bytes to JSON, and back'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "db" -d 'The database in which the nodes are provisioned'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "import" -d 'Print the configuration of clustererd that does what one of OpenSIPS 2.2 does'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "man" -d 'Print the manual page'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "clusterer_list" -d 'Lists the clusters with their nodes and states'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "clusterer_reload" -d 'Loads the node table anew from the database'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "clusterer_set_status" -d 'Sets the status of a machine in a cluster'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "log_level" -d 'Shows the least severe level that is logged, or sets it until the configuration says another'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "rl_bin_status" -d 'Lists the up nodes that pipes are sent to and accepted from'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "rl_check" -d 'Counts one call into a pipe and tells whether it is allowed or limited'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "rl_list" -d 'Lists the pipes and what the cluster counted in the last tick'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "rl_reset_pipe" -d 'Forgets what this node counted in a pipe since the last tick'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "uptime" -d 'Tells since when the program runs'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "version" -d 'Tells which program this is'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "which" -d 'Lists the commands'
complete -c clustererctl -n "__fish_clustererctl_needs_command" -f -a "watch" -d 'Run a command of the daemon again and again, until Ctrl-C'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand bin; and not __fish_seen_subcommand_from decode encode" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand bin; and not __fish_seen_subcommand_from decode encode" -f -a "decode" -d 'Print packets as JSON, one object a line'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand bin; and not __fish_seen_subcommand_from decode encode" -f -a "encode" -d 'Write the packets that JSON objects on standard input tell of'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand bin; and __fish_seen_subcommand_from decode" -l dialect -d 'Try this dialect only' -r -f -a "2.2\t'OpenSIPS 2.2'
2.4\t'OpenSIPS 2.4 to 4.x'"
complete -c clustererctl -n "__fish_clustererctl_using_subcommand bin; and __fish_seen_subcommand_from decode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand bin; and __fish_seen_subcommand_from encode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -f -a "add" -d 'Add a node'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -f -a "check" -d 'Print what is wrong with the tables and the rows, one finding a line'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -f -a "init" -d 'Create what is missing: the file, the table of the nodes, the version table'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -f -a "list" -d 'Print every row as it stands there'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -f -a "remove" -d 'Remove a node'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and not __fish_seen_subcommand_from add check init list remove schema" -f -a "schema" -d 'Print what init does as SQL, for the database\'s own client'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l db-url -d 'The database, as `db_url` in the daemon\'s configuration: sqlite:PATH, `postgres://USER:PASSWORD@HOST/DATABASE` or `mysql://USER:PASSWORD@HOST/DATABASE`' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l db-table -d 'The name of the table, if it is not clusterer' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l column -d 'The name of a column by its configuration key, such as `url_col=address`; may be repeated' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l cluster-id -d 'The cluster\'s id' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l machine-id -d 'The machine\'s id in that cluster' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l url -d 'Where the node listens, such as bin:192.168.0.5:5566' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l state -d '0 down, 1 up, 2 probing' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l failed-attempts -d 'Failures in a row until the node is temporarily disabled' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l duration -d 'How long it stays disabled' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -l description -d 'A description for people' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from check" -l db-url -d 'The database, as `db_url` in the daemon\'s configuration: sqlite:PATH, `postgres://USER:PASSWORD@HOST/DATABASE` or `mysql://USER:PASSWORD@HOST/DATABASE`' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from check" -l db-table -d 'The name of the table, if it is not clusterer' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from check" -l column -d 'The name of a column by its configuration key, such as `url_col=address`; may be repeated' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l db-url -d 'The database, as `db_url` in the daemon\'s configuration: sqlite:PATH, `postgres://USER:PASSWORD@HOST/DATABASE` or `mysql://USER:PASSWORD@HOST/DATABASE`' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l db-table -d 'The name of the table, if it is not clusterer' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l column -d 'The name of a column by its configuration key, such as `url_col=address`; may be repeated' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l to -d 'The version of the table to make' -r -f -a "4\t''"
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l into -d 'The new table, which must not exist yet' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l notify -d 'Let PostgreSQL tell nodes at once when somebody changes the table (two triggers)'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -l write -d 'Make it, instead of only saying how'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from list" -l db-url -d 'The database, as `db_url` in the daemon\'s configuration: sqlite:PATH, `postgres://USER:PASSWORD@HOST/DATABASE` or `mysql://USER:PASSWORD@HOST/DATABASE`' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from list" -l db-table -d 'The name of the table, if it is not clusterer' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from list" -l column -d 'The name of a column by its configuration key, such as `url_col=address`; may be repeated' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from list" -l json -d 'As an array of objects, with the default names of the columns'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from remove" -l db-url -d 'The database, as `db_url` in the daemon\'s configuration: sqlite:PATH, `postgres://USER:PASSWORD@HOST/DATABASE` or `mysql://USER:PASSWORD@HOST/DATABASE`' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from remove" -l db-table -d 'The name of the table, if it is not clusterer' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from remove" -l column -d 'The name of a column by its configuration key, such as `url_col=address`; may be repeated' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from remove" -l cluster-id -d 'The cluster\'s id' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from remove" -l machine-id -d 'The machine\'s id in that cluster' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from schema" -l db-table -d 'The name of the table, if it is not clusterer' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from schema" -l column -d 'The name of a column by its configuration key, such as `url_col=address`; may be repeated' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand db; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand import" -l output -d 'Write to this file, which must not exist yet and which only its owner may read' -r -F
complete -c clustererctl -n "__fish_clustererctl_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand man" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand clusterer_list" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand clusterer_reload" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand clusterer_set_status" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand log_level" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand rl_bin_status" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand rl_check" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand rl_list" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand rl_reset_pipe" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand uptime" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand version" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand which" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -l interval -d 'How long to wait between an answer and the next call: 0.1 to 86400' -r
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "clusterer_list" -d 'Lists the clusters with their nodes and states'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "clusterer_reload" -d 'Loads the node table anew from the database'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "clusterer_set_status" -d 'Sets the status of a machine in a cluster'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "log_level" -d 'Shows the least severe level that is logged, or sets it until the configuration says another'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "rl_bin_status" -d 'Lists the up nodes that pipes are sent to and accepted from'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "rl_check" -d 'Counts one call into a pipe and tells whether it is allowed or limited'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "rl_list" -d 'Lists the pipes and what the cluster counted in the last tick'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "rl_reset_pipe" -d 'Forgets what this node counted in a pipe since the last tick'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "uptime" -d 'Tells since when the program runs'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "version" -d 'Tells which program this is'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and not __fish_seen_subcommand_from clusterer_list clusterer_reload clusterer_set_status log_level rl_bin_status rl_check rl_list rl_reset_pipe uptime version which" -f -a "which" -d 'Lists the commands'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from clusterer_list" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from clusterer_reload" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from clusterer_set_status" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from log_level" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from rl_bin_status" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from rl_check" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from rl_list" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from rl_reset_pipe" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from uptime" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from version" -s h -l help -d 'Print help'
complete -c clustererctl -n "__fish_clustererctl_using_subcommand watch; and __fish_seen_subcommand_from which" -s h -l help -d 'Print help'
