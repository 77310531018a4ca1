/** The steps of a sign-in. One is shown at a time. `data-t` names the text of an element. */
export const MARKUP = `
<svg class="sprite" aria-hidden="true">
  <symbol id="back" viewBox="0 0 24 24"><path d="M19 12H5m6-6-6 6 6 6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></symbol>
</svg>
<div id="notice" class="notice" role="alert"></div>
<p id="done" class="notice good" role="status"></p>

<section id="loading" class="step" aria-busy="true"><p class="waiting" data-t="loading">One moment…</p></section>

<section id="first-step" class="step" hidden>
  <slot name="brand"><img id="logo" class="logo" alt="" hidden></slot>
  <h1 data-t="phone.title">Sign in</h1>
  <p id="lead" class="lead" data-t="phone.lead"></p>
  <form id="phone-form" novalidate>
    <div class="field">
      <label for="phone" data-t="phone.label"></label>
      <div class="phone">
        <button id="country" type="button" class="country" aria-haspopup="listbox" aria-expanded="false" aria-controls="countries"><span id="country-name" class="hidden"></span><span id="country-text" dir="ltr"></span></button>
        <input id="phone" name="phone" type="tel" dir="ltr" autocomplete="tel" aria-describedby="phone-hint phone-error" required>
        <div id="countries" class="countries" hidden>
          <input id="country-search" type="text" role="combobox" aria-expanded="true" aria-controls="country-list" aria-autocomplete="list" autocomplete="off" autocapitalize="none" spellcheck="false" data-t-label="country.search" data-t-placeholder="country.search">
          <ul id="country-list" role="listbox" data-t-label="country.label"></ul>
          <p id="country-none" class="soft" role="status"></p>
        </div>
      </div>
      <div class="message">
        <p id="phone-hint" class="hint" data-t="phone.hint"></p>
        <p id="phone-error" class="error" role="alert"></p>
      </div>
    </div>
    <button class="main" data-t="phone.send"></button>
  </form>
  <form id="email-form" novalidate hidden>
    <div class="field">
      <label for="email" data-t="email.label"></label>
      <input id="email" name="email" type="email" dir="ltr" autocomplete="email" autocapitalize="none" spellcheck="false" aria-describedby="email-hint email-error" required>
      <div class="message">
        <p id="email-hint" class="hint" data-t="email.hint"></p>
        <p id="email-error" class="error" role="alert"></p>
      </div>
    </div>
    <button class="main" data-t="email.send"></button>
  </form>
  <form id="password-form" novalidate hidden>
    <div class="field">
      <label for="who" data-t="password.who"></label>
      <input id="who" name="username" dir="ltr" autocomplete="username" autocapitalize="none" spellcheck="false" aria-describedby="who-error" required>
      <div class="message"><p id="who-error" class="error" role="alert"></p></div>
    </div>
    <div class="field">
      <label for="password" data-t="password.label"></label>
      <div class="secret">
        <input id="password" name="password" type="password" dir="ltr" autocomplete="current-password" aria-describedby="password-error" required>
        <button type="button" class="quiet" aria-pressed="false" data-shows="password" data-t="password.show"></button>
      </div>
      <div class="message"><p id="password-error" class="error" role="alert"></p></div>
    </div>
    <button class="main" data-t="password.signIn"></button>
    <button id="forgot" type="button" class="quiet" data-t="forgot.title"></button>
  </form>
  <div id="ways" class="ways"></div>
  <button id="use-passkey" type="button" class="second" data-t="way.passkey" hidden></button>
  <p id="use-passkey-error" class="error" role="alert"></p>
  <slot name="terms"></slot>
  <p id="links" class="after links" hidden></p>
</section>

<section id="code-step" class="step" hidden>
  <button id="change-phone" type="button" class="quiet back"><svg aria-hidden="true"><use href="#back"/></svg><span data-t="code.back"></span></button>
  <h1 data-t="code.title"></h1>
  <p id="code-lead" class="lead"></p>
  <form id="code-form" novalidate>
    <div class="field">
      <label for="code" data-t="code.label"></label>
      <div class="code" dir="ltr"><div class="cells" aria-hidden="true"></div>
        <input id="code" name="code" class="digits" inputmode="numeric" autocomplete="one-time-code" aria-describedby="code-lead code-error" required></div>
      <div class="message"><p id="code-error" class="error" role="alert"></p></div>
    </div>
    <button id="code-submit" class="main" data-t="continue"></button>
    <button id="resend" type="button" class="quiet"></button>
    <div id="channels" class="ways"></div>
  </form>
  <p class="laptop" hidden><span data-t="laptop.hint"></span> <a target="_blank" rel="noopener" data-t="laptop.open"></a></p>
</section>

<section id="mfa-step" class="step" hidden>
  <button id="mfa-back" type="button" class="quiet back"><svg aria-hidden="true"><use href="#back"/></svg><span data-t="mfa.back"></span></button>
  <h1 data-t="mfa.title"></h1>
  <p id="mfa-lead" class="lead"></p>
  <form id="mfa-form" novalidate>
    <div class="field">
      <label id="mfa-label" for="mfa"></label>
      <div class="code" dir="ltr"><div class="cells" aria-hidden="true"></div>
        <input id="mfa" name="mfa" autocapitalize="characters" spellcheck="false" aria-describedby="mfa-lead mfa-error" required></div>
      <div class="message"><p id="mfa-error" class="error" role="alert"></p></div>
    </div>
    <button class="main" data-t="continue"></button>
    <button id="mfa-switch" type="button" class="quiet"></button>
  </form>
</section>

<section id="forgot-step" class="step" hidden>
  <button id="forgot-back" type="button" class="quiet back"><svg aria-hidden="true"><use href="#back"/></svg><span data-t="cancel"></span></button>
  <h1 data-t="forgot.title"></h1>
  <p id="forgot-lead" class="lead" data-t="forgot.lead"></p>
  <form id="forgot-form" novalidate>
    <div class="field">
      <label for="forgot-who" data-t="forgot.label"></label>
      <input id="forgot-who" name="username" dir="ltr" autocomplete="username" autocapitalize="none" spellcheck="false" aria-describedby="forgot-lead forgot-who-error" required>
      <div class="message"><p id="forgot-who-error" class="error" role="alert"></p></div>
    </div>
    <button class="main" data-t="forgot.send"></button>
  </form>
</section>

<section id="reset-step" class="step" hidden>
  <button id="reset-back" type="button" class="quiet back"><svg aria-hidden="true"><use href="#back"/></svg><span data-t="cancel"></span></button>
  <h1 data-t="reset.title"></h1>
  <p id="reset-lead" class="lead"></p>
  <form id="reset-form" novalidate>
    <input id="reset-who" name="username" autocomplete="username" hidden>
    <div id="reset-code-field" class="field">
      <label for="reset-code" data-t="code.label"></label>
      <div class="code" dir="ltr"><div class="cells" aria-hidden="true"></div>
        <input id="reset-code" name="code" class="digits" inputmode="numeric" autocomplete="one-time-code" aria-describedby="reset-lead reset-code-error" required></div>
      <div class="message"><p id="reset-code-error" class="error" role="alert"></p></div>
    </div>
    <div class="field">
      <label for="new-password" data-t="reset.label"></label>
      <div class="secret">
        <input id="new-password" name="new-password" type="password" dir="ltr" autocomplete="new-password" aria-describedby="new-password-hint new-password-error" required>
        <button type="button" class="quiet" aria-pressed="false" data-shows="new-password" data-t="password.show"></button>
      </div>
      <div class="message">
        <p id="new-password-hint" class="hint" data-t="reset.hint"></p>
        <p id="new-password-error" class="error" role="alert"></p>
      </div>
    </div>
    <button class="main" data-t="reset.save"></button>
  </form>
  <p class="laptop" hidden><span data-t="laptop.hint"></span> <a target="_blank" rel="noopener" data-t="laptop.open"></a></p>
</section>

<section id="again-step" class="step" hidden>
  <h1 id="again-title" tabindex="-1" data-t="again.title"></h1>
  <p id="again-lead" class="lead"></p>
  <form id="again-form" novalidate>
    <div class="message"><p id="again-error" class="error" role="alert"></p></div>
    <button class="main" data-t="again.send"></button>
    <button id="again-cancel" type="button" class="quiet" data-t="cancel"></button>
  </form>
</section>

<section id="signed-in-step" class="step" hidden><slot name="signed-in"><p id="signed-in" class="waiting" tabindex="-1" data-t="account.signedIn"></p></slot></section>

<div id="checking" class="checking" role="status" aria-live="polite"></div>
<div id="announcer" class="hidden" role="status"></div>
`;
