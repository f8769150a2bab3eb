# Completion of kubectl-bpo in PowerShell. Load it in the file that $PROFILE names:
#   kubectl bpo completion powershell | Out-String | Invoke-Expression
# `kubectl bpo` itself is completed by kubectl, which asks the program kubectl_complete-bpo on the PATH: `kubectl bpo completion` prints it.
Register-ArgumentCompleter -Native -CommandName 'kubectl-bpo' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { "$_" })
    # Before version 7.3 an empty argument is passed on only in quotation marks.
    $begun = if ($wordToComplete) { $wordToComplete } elseif ($PSVersionTable.PSVersion -lt [version]'7.3') { '""' } else { '' }
    foreach ($line in @(& kubectl-bpo __complete '--' @words $begun 2>$null)) {
        if ($line -match '^:\d+$') { continue }
        $word, $about = $line -split "`t", 2
        if (-not $about) { $about = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $about)
    }
}
