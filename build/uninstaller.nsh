; What Signet has put into its user's registry goes with it; an update keeps it. Included by electron-builder.
!macro customUnInstall
  ${ifNot} ${isUpdated}
    DeleteRegValue HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "chat.signet"
    ; Links may belong to a portable Signet by now.
    ReadRegStr $R0 HKCU "Software\Classes\signet\shell\open\command" ""
    ${if} $R0 == '"$INSTDIR\${APP_EXECUTABLE_FILENAME}" "%1"'
      DeleteRegKey HKCU "Software\Classes\signet"
    ${endIf}
  ${endIf}
!macroend
