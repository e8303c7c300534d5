//! One column of the model: which JSON values it takes, and what they become.

use std::collections::HashSet;

use engine::{Element, ElementType, MISSING_TEXT, Tensor, f16};

use crate::json::Json;

/// Floats from here on may be integers that 64 bits do not hold.
const BEYOND_INT64: f64 = 9_223_372_036_854_775_808.0;

/// One column of the model.
pub struct Column {
    /// Its name, input and type.
    pub schema: engine::Column,
    /// The only values it takes, as text; `None` where any will do.
    categories: Option<HashSet<String>>,
}

impl From<engine::Column> for Column {
    fn from(schema: engine::Column) -> Self {
        Self { categories: schema.only(), schema }
    }
}

/// Why a value does not fit its column.
#[derive(Debug, PartialEq)]
pub enum Misfit {
    /// It has another type.
    Type,
    /// The column's type does not reach that far.
    Range,
    /// It is not one of the categories.
    Category(String),
    /// It is missing.
    Null,
}

impl Column {
    /// Writes one row's value into `target`.
    pub fn set(
        &self,
        target: &mut Target,
        row: usize,
        value: &Json,
    ) -> Result<(), Misfit> {
        let Self { schema: engine::Column { width, missing, .. }, .. } = *self;
        match value {
            Json::Null if !missing => Err(Misfit::Null),
            value if width == 1 => self.set_one(target, row, value),
            Json::List(values) if values.len() == width => {
                let mut outcome = Ok(());
                for (index, value) in (row * width..).zip(values) {
                    let fits = match value {
                        Json::Null if !missing => Err(Misfit::Type),
                        value => self.set_one(target, index, value),
                    };
                    match fits {
                        Err(Misfit::Range) => outcome = fits, // other misfits come first
                        _ => fits?,
                    }
                }
                outcome
            }
            _ => Err(Misfit::Type),
        }
    }

    fn set_one(
        &self,
        target: &mut Target,
        at: usize,
        value: &Json,
    ) -> Result<(), Misfit> {
        target.set(at, value)?;
        let text = match value {
            _ if self.categories.is_none() => return Ok(()),
            Json::Text(text) => text.to_string(),
            Json::Integer(integer) => integer.to_string(),
            _ => return Ok(()),
        };
        match &self.categories {
            Some(known) if !known.contains(&text) => Err(Misfit::Category(text)),
            _ => Ok(()),
        }
    }

    /// What is wrong, in words.
    pub fn explain(&self, misfit: &Misfit) -> String {
        let (name, width) = (&self.schema.name, self.schema.width);
        let (one, many) = match self.schema.dtype {
            ElementType::Float16 | ElementType::Float32 | ElementType::Float64 => {
                ("a number", "numbers")
            }
            ElementType::Bool => ("true or false", "booleans"),
            ElementType::String => ("a string", "strings"),
            _ => ("an integer", "integers"),
        };
        match misfit {
            Misfit::Null => format!("'{name}' must not be null"),
            Misfit::Type if width == 1 => format!("'{name}' must be {one}"),
            Misfit::Type => format!("'{name}' must be a list of {width} {many}"),
            Misfit::Category(text) => format!("'{name}' has no category '{text}'"),
            Misfit::Range => {
                let dtype = format!("{:?}", self.schema.dtype).to_lowercase();
                format!("'{name}' is out of range for {dtype}")
            }
        }
    }
}

/// A number or truth value that a tensor holds as it is.
trait Cell: Element {
    /// Stands for a missing value, where there is such a number.
    const MISSING: Option<Self> = None;

    fn read(value: &Json) -> Result<Self, Misfit>;
}

macro_rules! floats {
    ($($float:ident $from_f64:expr;)*) => {$(
        impl Cell for $float {
            const MISSING: Option<Self> = Some(Self::NAN);

            // Through f64, as numpy converts; what is out of range becomes infinite.
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            fn read(value: &Json) -> Result<Self, Misfit> {
                let number = $from_f64(match value {
                    Json::Float(float) => *float,
                    Json::Integer(integer) => *integer as f64,
                    _ => return Err(Misfit::Type),
                });
                if number.is_finite() { Ok(number) } else { Err(Misfit::Range) }
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Cell for $integer {
            fn read(value: &Json) -> Result<Self, Misfit> {
                match value {
                    Json::Integer(integer) => {
                        Self::try_from(*integer).map_err(|_| Misfit::Range)
                    }
                    Json::Float(float) if float.abs() >= BEYOND_INT64 => Err(Misfit::Range),
                    _ => Err(Misfit::Type),
                }
            }
        }
    )*};
}

floats! {
    f16 f16::from_f64;
    f32 (|number| number as f32);
    f64 std::convert::identity;
}
integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl Cell for bool {
    fn read(value: &Json) -> Result<Self, Misfit> {
        if let Json::Bool(value) = value { Ok(*value) } else { Err(Misfit::Type) }
    }
}

macro_rules! targets {
    ($($variant:ident $type:ty,)*) => {
        /// A tensor to be filled value by value.
        pub enum Target<'a> {
            $(#[doc = concat!("Of ", stringify!($type))] $variant(&'a mut [$type]),)*
            /// Of strings.
            String(&'a mut Tensor),
        }

        impl<'a> Target<'a> {
            /// The target that fills `tensor`.
            pub fn of(tensor: &'a mut Tensor) -> engine::Result<Self> {
                Ok(match tensor.element_type() {
                    $(ElementType::$variant => Self::$variant(tensor.as_mut_slice()?),)*
                    ElementType::String => Self::String(tensor),
                })
            }

            /// Writes one value; a missing one is NaN or `MISSING_TEXT`.
            fn set(&mut self, at: usize, value: &Json) -> Result<(), Misfit> {
                match (self, value) {
                    $((Self::$variant(cells), Json::Null) => {
                        cells[at] = Cell::MISSING.ok_or(Misfit::Null)?;
                    })*
                    $((Self::$variant(cells), value) => cells[at] = Cell::read(value)?,)*
                    (Self::String(tensor), value) => {
                        let text = match value {
                            Json::Text(text) => text,
                            Json::Null => MISSING_TEXT,
                            _ => return Err(Misfit::Type),
                        };
                        tensor.set_string(at, text).map_err(|_| Misfit::Range)?;
                    }
                }
                Ok(())
            }
        }
    };
}

targets! {
    Float16 f16, Float32 f32, Float64 f64, Bool bool,
    Int8 i8, Int16 i16, Int32 i32, Int64 i64,
    Uint8 u8, Uint16 u16, Uint32 u32, Uint64 u64,
}
