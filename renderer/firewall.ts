// What has to be allowed for others to reach a relay on this computer, in words.

/** command: to be entered in a terminal */
export type Step = { text: string; command?: string };

/** @param platform as Node.js names it */
export function firewallSteps(platform: string, port: number): Step[] {
  switch (platform) {
    case 'win32':
      return [
        {
          text:
            'Windows asks once whether Signet may be reached: allow private networks. If that was refused: Windows ' +
            'Security, Firewall & network protection, Allow an app through firewall, Signet, Private.',
        },
      ];
    case 'darwin':
      return [
        {
          text:
            'macOS asks once whether Signet, or Signet Helper, may accept connections: Allow. If that was refused: ' +
            'System Settings, Network, Firewall, Options, that program, Allow incoming connections.',
        },
      ];
    default:
      return [
        { text: 'If ufw is on (Ubuntu, Mint):', command: `sudo ufw allow ${port}/tcp` },
        {
          text: 'If firewalld is on (Fedora, openSUSE):',
          command: `sudo firewall-cmd --permanent --add-port=${port}/tcp && sudo firewall-cmd --reload`,
        },
      ];
  }
}
