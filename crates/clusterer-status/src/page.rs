//! The page: files that are part of the program.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// Where it has to be served.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// It.
    pub body: &'static str,
}

/// The page's files. They expect the snapshot at `/api/v1/cluster` and the updates at `/api/v1/events`.
///
/// There is nothing in them that is not public: a server that asks for a token need not ask for it here. The
/// page then asks its reader for it.
pub const ASSETS: [Asset; 3] = [
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        body: include_str!("../assets/status.html"),
    },
    Asset {
        path: "/status.css",
        content_type: "text/css; charset=utf-8",
        body: include_str!("../assets/status.css"),
    },
    Asset {
        path: "/status.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("../assets/status.js"),
    },
];

/// The `Content-Security-Policy` to serve [`ASSETS`] with: nothing from elsewhere, nothing inline, in nobody's
/// frame, and no form that goes anywhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    /// What the policy would refuse is not tried, and nothing is asked of anybody else.
    #[test]
    fn the_page_keeps_its_own_policy() {
        for asset in ASSETS {
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!asset.body.contains(word), "{word} in {}", asset.path);
            }
            let foreign = asset.body.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("://"), "{}", asset.path);
        }
        let [html, ..] = ASSETS.map(|asset| asset.body);
        for inline in [" style=", "<style", " onclick=", "<script>"] {
            assert!(!html.contains(inline), "{inline}");
        }
    }
}
