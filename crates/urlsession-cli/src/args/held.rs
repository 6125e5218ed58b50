//! Switches of curl's that ask for what is so here anyway: who types them may leave them in.

use clap::Args;

/// None of them changes anything, so that nobody reads them.
#[derive(Debug, Args)]
pub(crate) struct HeldArgs {
    /// Try again where nobody takes the connection
    #[arg(long, hide = true)]
    retry_connrefused: bool,
    /// Speak HTTP/2 where the server does
    #[arg(long, hide = true, conflicts_with_all = ["http3_only", "http11", "http10"])]
    http2: bool,
    /// Speak TLS 1.0 or newer, where nothing older than 1.2 is spoken
    #[arg(short = '1', long = "tlsv1", id = "tls1", hide = true,
        aliases = ["tlsv1.0", "tlsv1.1", "proxy-tlsv1"])]
    tls1: bool,
    /// Show a proxy credentials by the strongest way that it offers
    #[arg(long, alias = "proxy-basic", hide = true)]
    proxy_anyauth: bool,
    /// Send what is there at once
    #[arg(long, hide = true)]
    tcp_nodelay: bool,
    /// Send no probes over a connection of TCP where nothing moves
    #[arg(long, hide = true)]
    no_keepalive: bool,
    /// Show progress, as is done on a terminal
    #[arg(short = '#', long, hide = true)]
    progress_bar: bool,
    /// Read no file of options but those of -K
    #[arg(long, hide = true)]
    disable: bool,
}
