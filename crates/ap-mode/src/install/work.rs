fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    ap_host::make_dir(dir, DIR_MODE)
        .and_then(|()| ap_host::write_atomically(path, bytes, STATE_MODE))
        .with_context(|| {
            Failure::new(
                Exit::CannotWrite,
                format!("failed to write {}", path.display()),
            )
        })
}

/// What is left to do once everything was checked.
struct Work<'a> {
    context: &'a Context,
    places: Places,
    changes: Vec<Change>,
}

impl Work<'_> {
    fn missing(&self) -> (PathBuf, bool, PathBuf, bool) {
        let config = &self.context.config;
        let credentials = self.places.real(&config.database.credentials);
        let state = self.places.real(&config.state_file());
        let (no_credentials, no_state) = (!credentials.exists(), !state.exists());
        (credentials, no_credentials, state, no_state)
    }

    /// What a dry run says beyond the diff.
    fn announce(&self) -> Result<()> {
        let (credentials, no_credentials, state, no_state) = self.missing();
        for (path, missing) in [(credentials, no_credentials), (state, no_state)] {
            if missing {
                data(&format!("would create {}", path.display()))?;
            }
        }
        if !no_credentials
            && !no_state
            && !self.changes.iter().any(|change| change.kind.is_change())
        {
            data("nothing to change")?;
        }
        Ok(())
    }

    /// Writes what is missing or differs; tells whether that was anything.
    fn write(&self) -> Result<bool> {
        let config = &self.context.config;
        let (credentials, no_credentials, state, no_state) = self.missing();
        for change in &self.changes {
            self.places.apply(change)?;
        }
        if no_credentials {
            secrets::create(&credentials, &config.codename)?;
            progress(&format!(
                "created {0} with new passwords. Both hosts need the very same file: copy it to the other one, mode 0600, \
                 before ap-mode install there",
                credentials.display()
            ));
        }
        if no_state {
            self.create_state(&state)?;
        }
        let changed =
            no_credentials || no_state || self.changes.iter().any(|change| change.kind.is_change());
        if !changed {
            data("nothing to change")?;
        }
        Ok(changed)
    }

    /// What ap-notify and systemd have to take notice of. ap-notify reads the
    /// configuration when it starts, so `known`, a copy, tells whether it is another one.
    fn changed(&self, known: bool) -> services::Changed {
        let touched = |ends: &[&str]| {
            let name = |change: &Change| {
                ends.iter()
                    .any(|end| change.path.to_string_lossy().ends_with(end))
            };
            self.changes
                .iter()
                .any(|change| change.kind.is_change() && name(change))
        };
        services::Changed {
            units: touched(&[".service", ".socket", "/50-ap.conf"]),
            sockets: touched(&[".socket"]),
            service: !known || touched(&["/ap-notify.service"]),
        }
    }

    /// A node never set up, and its mode as one word.
    fn create_state(&self, path: &Path) -> Result<()> {
        let since = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        let state = State {
            since,
            ..State::fresh()
        };
        let mode_file = self.places.real(&self.context.config.mode_file());
        for (path, text) in [
            (path, state.to_toml()?),
            (&mode_file, format!("{}\n", state.mode)),
        ] {
            write(path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Lets systemd, MariaDB and the operator know.
    fn take_effect(&self, changed: bool, own: &ap_core::config::Host) -> Result<()> {
        let config = &self.context.config;
        host::create_run_dirs(&tmpfiles(config))?;
        let copy = config.state_dir().join("installed.toml");
        let text = std::fs::read(&self.context.path)
            .with_context(|| format!("failed to read {}", self.context.path.display()))?;
        let known = std::fs::read(&copy).ok().as_ref() == Some(&text);
        services::bring_up(config, self.changed(known))?;
        if !known {
            write(&copy, &text)?;
        }
        accounts::bring_up(config)?;
        let touched = |path: &Path| {
            self.changes
                .iter()
                .any(|change| change.kind.is_change() && change.path == path)
        };
        if touched(&config.database.settings) {
            progress("MariaDB's settings changed: the next ap-mode set restarts it");
        }
        if touched(&config.keepalived.config)
            && services::is_active(config.unit(Service::Keepalived))?
        {
            progress(&format!(
                "keepalived runs with its former configuration: systemctl reload {}, on the standby first",
                config.unit(Service::Keepalived)
            ));
        }
        if changed {
            progress(&format!(
                "{} is installed. Look: ap-mode show. A new pair begins with ap-mode set ap --role active on the host \
                 that has the data, then ap-mode set ap on the other",
                own.name
            ));
        }
        Ok(())
    }
}
