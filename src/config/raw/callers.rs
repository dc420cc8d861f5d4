//! Who may do what, and how often, as written in a route.

use ipnet::IpNet;

use super::super::field::{Field, HasShort, Many, Short};
use super::super::values::{Frequency, MethodName, Of};
use super::mapping::mapping;

mapping! {
    pub(crate) struct Rates {
        pub(crate) source: Field<Short<Rate>>,
        pub(crate) key: Field<Short<Rate>>,
        pub(crate) principal: Field<Short<Rate>>,
        pub(crate) route: Field<Short<Rate>>,
    }
}

mapping! {
    pub(crate) struct Rate {
        pub(crate) limit: Field<Of<Frequency>>,
        pub(crate) burst: Field<u32>,
        pub(crate) pool: Field<String>,
        pub(crate) shared: Field<bool>,
    }
}

mapping! {
    pub(crate) struct Rule {
        pub(crate) keys: Field<Many<String>>,
        pub(crate) principals: Field<Many<String>>,
        pub(crate) methods: Field<Many<Of<MethodName>>>,
        pub(crate) sources: Field<Many<Of<IpNet>>>,
    }
}

impl HasShort for Rate {
    const FORM: &'static str = "countersign::Short:limit";
}
