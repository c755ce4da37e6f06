# fish completion of offload; made by offload completions fish

# Whether the command is still to be named.
function __offload_first
    test (count (commandline -opc)) -eq 1
end

# Whether that command has been named. Later words may be called like one.
function __offload_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"
end

# Names of this host, of one kind; each with what it is.
function __offload_names
    command offload complete $argv[1] 2>/dev/null
end

# A list: what it has already is not offered again.
function __offload_features
    set -l token (commandline -ct | string replace -r '^--features=' '')
    set -l before (string match -r '^.*,' -- $token)
    set -l had (string split , -- $token)
    contains rx $had[1..-2]; or printf '%s%s\t%s\n' "$before" rx 'checksums of received packets'
    contains tx $had[1..-2]; or printf '%s%s\t%s\n' "$before" tx 'checksums of sent packets'
    contains sg $had[1..-2]; or printf '%s%s\t%s\n' "$before" sg 'scatter-gather'
    contains tso $had[1..-2]; or printf '%s%s\t%s\n' "$before" tso 'TCP segmentation'
    contains ufo $had[1..-2]; or printf '%s%s\t%s\n' "$before" ufo 'UDP fragmentation'
    contains gso $had[1..-2]; or printf '%s%s\t%s\n' "$before" gso 'generic segmentation'
    contains gro $had[1..-2]; or printf '%s%s\t%s\n' "$before" gro 'generic receive offload'
    contains lro $had[1..-2]; or printf '%s%s\t%s\n' "$before" lro 'large receive offload'
    contains rxvlan $had[1..-2]; or printf '%s%s\t%s\n' "$before" rxvlan 'stripping of VLAN tags'
    contains txvlan $had[1..-2]; or printf '%s%s\t%s\n' "$before" txvlan 'insertion of VLAN tags'
    contains rxhash $had[1..-2]; or printf '%s%s\t%s\n' "$before" rxhash 'receive hashing'
    contains ntuple $had[1..-2]; or printf '%s%s\t%s\n' "$before" ntuple 'receive filters'
end

complete -c offload -f
complete -c offload -n __offload_first -s h -l help -d 'Show the help'
complete -c offload -n __offload_first -s V -l version -d 'Show the version'
complete -c offload -n __offload_first -a status -d 'Show every device by feature, live and recorded'
complete -c offload -n __offload_first -a disable -d 'Turn offloads off, now and in XAPI\'s records'
complete -c offload -n __offload_first -a verify -d 'Check that offloads are off and will stay off'
complete -c offload -n __offload_first -a persist -d 'Keep offloads off across reboots and for new VMs'
complete -c offload -n __offload_first -a restore -d 'Put back exactly what was there before'
complete -c offload -n __offload_first -a confirm -d 'Keep a change that is on trial'
complete -c offload -n __offload_first -a doctor -d 'Describe the host on one page, for a support ticket'
complete -c offload -n __offload_first -a completions -d 'Print the completions of a shell'
complete -c offload -n __offload_first -a help -d 'Explain a command or a topic'
complete -c offload -n '__offload_is help' -a status -d 'Show every device by feature, live and recorded'
complete -c offload -n '__offload_is help' -a disable -d 'Turn offloads off, now and in XAPI\'s records'
complete -c offload -n '__offload_is help' -a verify -d 'Check that offloads are off and will stay off'
complete -c offload -n '__offload_is help' -a persist -d 'Keep offloads off across reboots and for new VMs'
complete -c offload -n '__offload_is help' -a restore -d 'Put back exactly what was there before'
complete -c offload -n '__offload_is help' -a confirm -d 'Keep a change that is on trial'
complete -c offload -n '__offload_is help' -a doctor -d 'Describe the host on one page, for a support ticket'
complete -c offload -n '__offload_is help' -a completions -d 'Print the completions of a shell'
complete -c offload -n '__offload_is help' -a targets -d 'What a target can be'
complete -c offload -n '__offload_is help' -a features -d 'What can be turned off, and where that can be recorded'
complete -c offload -n '__offload_is status' -a '(__offload_names targets)'
complete -c offload -n '__offload_is status' -l features -x -a '(__offload_features)' -d 'such as tso,gso; see offload help features'
complete -c offload -n '__offload_is status' -l vm -x -a '(__offload_names vms)' -d 'a VM, where the name alone is ambiguous'
complete -c offload -n '__offload_is status' -l pif -x -a '(__offload_names pifs)' -d 'a PIF, where the name alone is ambiguous'
complete -c offload -n '__offload_is status' -l host -d 'the whole host, where a VM is called ALL'
complete -c offload -n '__offload_is status' -l pool -d 'every host of the pool, each called by XAPI'
complete -c offload -n '__offload_is status' -l timeout -x -d 'how long a host may take (120)'
complete -c offload -n '__offload_is status' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is status' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is status' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is disable' -a '(__offload_names targets)'
complete -c offload -n '__offload_is disable' -l features -x -a '(__offload_features)' -d 'such as tso,gso; see offload help features'
complete -c offload -n '__offload_is disable' -l vm -x -a '(__offload_names vms)' -d 'a VM, where the name alone is ambiguous'
complete -c offload -n '__offload_is disable' -l pif -x -a '(__offload_names pifs)' -d 'a PIF, where the name alone is ambiguous'
complete -c offload -n '__offload_is disable' -l host -d 'the whole host, where a VM is called ALL'
complete -c offload -n '__offload_is disable' -l pick -d 'choose VMs, NICs and features from a list'
complete -c offload -n '__offload_is disable' -s y -l yes -d 'do not ask before changing the whole host'
complete -c offload -n '__offload_is disable' -l dry-run -d 'print the commands that would do it'
complete -c offload -n '__offload_is disable' -l no-record -d 'change the kernel only; works without XAPI'
complete -c offload -n '__offload_is disable' -l confirm-within -x -d 'put back unless confirmed in that time'
complete -c offload -n '__offload_is disable' -l pool -d 'every host of the pool, each called by XAPI'
complete -c offload -n '__offload_is disable' -l rolling -d 'one host after the other, as long as all is well'
complete -c offload -n '__offload_is disable' -l timeout -x -d 'how long a host may take (120)'
complete -c offload -n '__offload_is disable' -l wait -x -d 'wait for another offload that is at work'
complete -c offload -n '__offload_is disable' -s v -l verbose -d 'a line on stderr for each object'
complete -c offload -n '__offload_is disable' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is disable' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is disable' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is verify' -a '(__offload_names targets)'
complete -c offload -n '__offload_is verify' -l features -x -a '(__offload_features)' -d 'such as tso,gso; see offload help features'
complete -c offload -n '__offload_is verify' -l vm -x -a '(__offload_names vms)' -d 'a VM, where the name alone is ambiguous'
complete -c offload -n '__offload_is verify' -l pif -x -a '(__offload_names pifs)' -d 'a PIF, where the name alone is ambiguous'
complete -c offload -n '__offload_is verify' -l host -d 'the whole host, where a VM is called ALL'
complete -c offload -n '__offload_is verify' -l strict -d 'count what the driver holds on as wrong'
complete -c offload -n '__offload_is verify' -l nagios -d 'one line, as a monitoring plugin'
complete -c offload -n '__offload_is verify' -l pool -d 'every host of the pool, each called by XAPI'
complete -c offload -n '__offload_is verify' -l timeout -x -d 'how long a host may take (120)'
complete -c offload -n '__offload_is verify' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is verify' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is verify' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is persist' -a '(__offload_names targets)'
complete -c offload -n '__offload_is persist' -l features -x -a '(__offload_features)' -d 'such as tso,gso; see offload help features'
complete -c offload -n '__offload_is persist' -l vm -x -a '(__offload_names vms)' -d 'a VM, where the name alone is ambiguous'
complete -c offload -n '__offload_is persist' -l pif -x -a '(__offload_names pifs)' -d 'a PIF, where the name alone is ambiguous'
complete -c offload -n '__offload_is persist' -l host -d 'the whole host, where a VM is called ALL'
complete -c offload -n '__offload_is persist' -l method -x -a 'auto systemd rc.local' -d 'what carries the loop'
complete -c offload -n '__offload_is persist' -l dry-run -d 'print what would be written'
complete -c offload -n '__offload_is persist' -l remove -d 'take away what persist has installed'
complete -c offload -n '__offload_is persist' -l wait -x -d 'wait for another offload that is at work'
complete -c offload -n '__offload_is persist' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is persist' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is persist' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is restore' -a '(__offload_names targets)'
complete -c offload -n '__offload_is restore' -l vm -x -a '(__offload_names vms)' -d 'a VM, where the name alone is ambiguous'
complete -c offload -n '__offload_is restore' -l pif -x -a '(__offload_names pifs)' -d 'a PIF, where the name alone is ambiguous'
complete -c offload -n '__offload_is restore' -l host -d 'the whole host, where a VM is called ALL'
complete -c offload -n '__offload_is restore' -s y -l yes -d 'do not ask before putting all of it back'
complete -c offload -n '__offload_is restore' -l dry-run -d 'print the commands that would do it'
complete -c offload -n '__offload_is restore' -l force -d 'put back what others have changed, too'
complete -c offload -n '__offload_is restore' -l wait -x -d 'wait for another offload that is at work'
complete -c offload -n '__offload_is restore' -s v -l verbose -d 'a line on stderr for each object'
complete -c offload -n '__offload_is restore' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is restore' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is restore' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is confirm' -s v -l verbose -d 'a line on stderr for each object'
complete -c offload -n '__offload_is confirm' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is confirm' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is confirm' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is doctor' -l redact -d 'placeholders for names and addresses'
complete -c offload -n '__offload_is doctor' -l json -d 'print one JSON document'
complete -c offload -n '__offload_is doctor' -l no-color -d 'print no colour'
complete -c offload -n '__offload_is doctor' -s h -l help -d 'show this help'
complete -c offload -n '__offload_is completions' -a 'bash zsh fish'
complete -c offload -n '__offload_is completions' -s h -l help -d 'show this help'
