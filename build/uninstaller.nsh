; What Signet has put into its user's registry goes with it, unless it has become a portable Signet's by now; an update
; keeps it. Included by electron-builder.
!macro customUnInstall
  ${ifNot} ${isUpdated}
    ReadRegStr $R0 HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "chat.signet"
    ${if} $R0 == '"$INSTDIR\${APP_EXECUTABLE_FILENAME}" --hidden'
      DeleteRegValue HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "chat.signet"
    ${endIf}
    ReadRegStr $R0 HKCU "Software\Classes\signet\shell\open\command" ""
    ${if} $R0 == '"$INSTDIR\${APP_EXECUTABLE_FILENAME}" "%1"'
      DeleteRegKey HKCU "Software\Classes\signet"
    ${endIf}
  ${endIf}
!macroend
