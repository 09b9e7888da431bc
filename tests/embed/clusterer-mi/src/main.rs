//! A program with a carrier of its own for the text form: here a request is a string.

use clusterer_mi::{MiNode, MiReply, TextAnswer, encode_request, render_text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = encode_request("gateways", "reply", &["1", "two words"])?;
    println!("{}", String::from_utf8_lossy(&request));

    let gateway = MiNode::new("Gateway", "gw1").with_attribute("Calls", 7);
    let text = render_text("gateways", &MiReply::ok().with_node(gateway));
    let answer = TextAnswer::parse(&text)?;
    println!("{} {}: {:?}", answer.code, answer.reason, answer.lines);
    Ok(())
}
