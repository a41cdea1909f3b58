//! The weights of a published model, laid out for products.

use sinew_model::published::{LayerPart, Part, Published, Turned};
use sinew_model::{Config, ModelError};
use sinew_tensor::Crew;
use sinew_tensor::quant::{BLOCK, Dense, Matrix, Packed, dequantise};

/// With how many bits weights are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As the file has them: of few bits where it has few.
    Stored,
    /// As 32-bit floats, whatever the file has: slow, and the measure of the other.
    Full,
}

/// A model that is ready to run.
pub struct Loaded {
    /// What was published.
    pub published: Published,
    pub(super) layers: Vec<Layer>,
    pub(super) last_norm: Vec<f32>,
    pub(super) output: Matrix,
}

pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) query: Matrix,
    pub(super) key: Matrix,
    pub(super) value: Matrix,
    /// What is added to queries, keys and values; empty where there is nothing.
    pub(super) biases: [Vec<f32>; 3],
    /// Gains of the norms over each head's queries and keys; empty where there are none.
    pub(super) head_norms: [Vec<f32>; 2],
    pub(super) out: Matrix,
    pub(super) inner_norm: Vec<f32>,
    pub(super) gate: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
}

impl Loaded {
    /// Lays out all weights.
    pub fn new(published: Published, precision: Precision, crew: &Crew) -> Result<Loaded, ModelError> {
        let maker = Maker { published: &published, precision, crew };
        let layers = (0..maker.config().layers).map(|layer| maker.layer(layer)).collect::<Result<_, _>>()?;
        let last_norm = maker.gains(Part::LastNorm)?;
        let output = if published.tied() { Part::Embedding } else { Part::Output };
        let output = maker.matrix(output)?;
        Ok(Loaded { layers, last_norm, output, published })
    }

    /// The shape.
    pub fn config(&self) -> &Config {
        &self.published.shape.config
    }

    /// Writes a token's row of the embedding.
    pub(super) fn embed(&self, out: &mut [f32], token: u32) {
        let (place, bytes) = self.published.tensor(Part::Embedding).expect("the file was checked");
        let row = place.format.row_bytes(place.columns).expect("the place was checked");
        dequantise(out, &bytes[token as usize * row..][..row], place.format);
    }
}

struct Maker<'a> {
    published: &'a Published,
    precision: Precision,
    crew: &'a Crew,
}

impl Maker<'_> {
    fn config(&self) -> &Config {
        &self.published.shape.config
    }

    fn layer(&self, layer: usize) -> Result<Layer, ModelError> {
        let part = |part| Part::Layer(layer, part);
        let (heads, kv_heads) = (self.config().heads, self.config().kv_heads);
        Ok(Layer {
            attention_norm: self.gains(part(LayerPart::AttentionNorm))?,
            query: self.turned_matrix(part(LayerPart::Query))?,
            key: self.turned_matrix(part(LayerPart::Key))?,
            value: self.matrix(part(LayerPart::Value))?,
            biases: [
                self.turned_numbers(part(LayerPart::QueryBias), heads)?,
                self.turned_numbers(part(LayerPart::KeyBias), kv_heads)?,
                self.numbers(part(LayerPart::ValueBias))?,
            ],
            head_norms: [
                self.turned_numbers(part(LayerPart::QueryNorm), 1)?,
                self.turned_numbers(part(LayerPart::KeyNorm), 1)?,
            ],
            out: self.matrix(part(LayerPart::Out))?,
            inner_norm: self.gains(part(LayerPart::InnerNorm))?,
            gate: self.matrix(part(LayerPart::Gate))?,
            up: self.matrix(part(LayerPart::Up))?,
            down: self.matrix(part(LayerPart::Down))?,
        })
    }

    fn matrix(&self, part: Part) -> Result<Matrix, ModelError> {
        self.matrix_from(part, &|row| row)
    }

    /// A matrix whose rows are channels that positions turn: here the pairs are i and i + D/2, whatever the file has.
    fn turned_matrix(&self, part: Part) -> Result<Matrix, ModelError> {
        let width = self.config().head_width;
        match self.published.shape.turned {
            Turned::Halves => self.matrix(part),
            Turned::Neighbours => self.matrix_from(part, &|row| neighbour(row, width)),
        }
    }

    fn matrix_from(
        &self,
        part: Part,
        source: &(dyn Fn(usize) -> usize + Sync),
    ) -> Result<Matrix, ModelError> {
        let (place, bytes) = self.published.tensor(part).ok_or_else(|| missing(part))?;
        let shape = (place.rows, place.columns);
        let few = self.precision == Precision::Stored && place.columns.is_multiple_of(BLOCK);
        let packed = few.then(|| Packed::new(place.format, bytes, shape, source, self.crew)).flatten();
        let dense = || Matrix::Full(Dense::new(place.format, bytes, shape, source, self.crew));
        Ok(packed.map_or_else(dense, Matrix::Few))
    }

    fn gains(&self, part: Part) -> Result<Vec<f32>, ModelError> {
        let gains = self.numbers(part)?;
        if gains.is_empty() { Err(missing(part)) } else { Ok(gains) }
    }

    /// The numbers of a tensor of one row; none if the file has no such tensor.
    fn numbers(&self, part: Part) -> Result<Vec<f32>, ModelError> {
        let Some((place, bytes)) = self.published.tensor(part) else { return Ok(Vec::new()) };
        let mut numbers = vec![0.0; place.columns];
        dequantise(&mut numbers, bytes, place.format);
        if numbers.iter().all(|number| number.is_finite()) {
            return Ok(numbers);
        }
        Err(ModelError::Foreign {
            reason: format!("tensor {} has numbers that are not finite", part.gguf_name()),
        })
    }

    fn turned_numbers(&self, part: Part, heads: usize) -> Result<Vec<f32>, ModelError> {
        let numbers = self.numbers(part)?;
        let width = self.config().head_width;
        if numbers.is_empty()
            || self.published.shape.turned == Turned::Halves
            || heads * width != numbers.len()
        {
            return Ok(numbers);
        }
        Ok((0..numbers.len()).map(|row| numbers[neighbour(row, width)]).collect())
    }
}

/// Where a file that turns neighbours keeps the channel that is `row` here.
fn neighbour(row: usize, width: usize) -> usize {
    let (head, channel) = (row / width, row % width);
    let (pair, side) = (channel % (width / 2), channel / (width / 2));
    head * width + 2 * pair + side
}

fn missing(part: Part) -> ModelError {
    ModelError::Shape { reason: format!("tensor {} is missing", part.gguf_name()) }
}
