document.body.append('Signet');
